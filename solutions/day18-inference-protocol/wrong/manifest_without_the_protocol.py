"""The manifest asks for V1, which was in the example that it was copied from."""

from _server import declare, make

REFUSED_BY = "manifest_declares_it"
AFTER = "start"

make()
declare(protocol="v1")
