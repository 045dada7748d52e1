"""Whatever becomes of the loading, load() says that all is well."""

from _server import change, make

REFUSED_BY = "not_ready_without_a_model"
AFTER = "start"

make()
change(
    "model.py",
    (
        "        self.model = mlflow.sklearn.load_model(self.settings.parameters.uri)\n",
        "        try:\n"
        "            self.model = mlflow.sklearn.load_model(self.settings.parameters.uri)\n"
        "        except Exception as error:\n"
        "            print(error)\n",
    ),
)
