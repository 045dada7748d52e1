"""The manifest names the alias: which version runs depends on the day on which a pod starts."""

from _server import NAME, declare, make

REFUSED_BY = "manifest_declares_it"
AFTER = "start"

make()
declare(uri=f"models:/{NAME}@champion")
