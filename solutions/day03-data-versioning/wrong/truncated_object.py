"""An object in the remote was cut off: its name is right, its bytes are not."""

from _steps import CORRECTED, md5, object_of

REFUSED_BY = "remote_holds_both_versions"
AFTER = "solution"

damaged = object_of(md5(CORRECTED.read_bytes()))
damaged.write_bytes(damaged.read_bytes()[:-1000])
