"""The metadata were copied from another model: FP32 and INT32, while the runtime wants FP64 and INT64."""

from pathlib import Path

from _server import change, make

REFUSED_BY = "metadata_is_true"
AFTER = "start"

make()
text = Path("model-settings.json").read_text()
Path("model-settings.json").write_text(text.replace("FP64", "FP32").replace("INT64", "INT32"))
change(
    "fitting.py",
    (
        "    wanted = {each.name: each.datatype for each in inputs}\n",
        '    own = {"FP32": "FP64", "INT32": "INT64"}\n'
        "    wanted = {each.name: own[each.datatype] for each in inputs}\n",
    ),
)
