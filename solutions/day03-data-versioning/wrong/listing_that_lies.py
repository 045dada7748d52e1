"""The listing of the corrected version in the remote names the old April instead, under its old name."""

import subprocess

import yaml
from _steps import APRIL, CORRECTED, md5, object_of

REFUSED_BY = "remote_holds_both_versions"
AFTER = "solution"

text = subprocess.run(["git", "show", "HEAD~1:data/raw.dvc"], capture_output=True, text=True, check=True).stdout
listing = object_of(yaml.safe_load(text)["outs"][0]["md5"])
content = listing.read_text()
assert md5(CORRECTED.read_bytes()) in content
listing.write_text(content.replace(md5(CORRECTED.read_bytes()), md5(APRIL.read_bytes())))
