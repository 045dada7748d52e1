"""The version stands in the code, where somebody looked it up."""

import mlflow
from _service import NAME, change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
version = mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion").version
change("service.py", ('"version": os.environ["MODEL_VERSION"]}', f'"version": "{version}"}}'))
