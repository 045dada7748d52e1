"""The inputs are taken in the order in which they came, whatever their names are."""

from _server import change, make

REFUSED_BY = "tensors_as_they_come"
AFTER = "start"

make()
change(
    "model.py",
    (
        "        table = pd.DataFrame(columns)[list(self.model.feature_names_in_)]\n",
        "        table = pd.DataFrame(dict(zip(self.model.feature_names_in_, columns.values())))\n",
    ),
)
