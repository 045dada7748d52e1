"""The metadata say what goes in, and not what comes out."""

from _server import change, make

REFUSED_BY = "metadata_is_true"
AFTER = "start"

make()
change("model-settings.json", (',\n  "outputs": [{"name": "score", "datatype": "FP64", "shape": [-1]}]', ""))
