"""The newest version is deployed, which nobody approved."""

import mlflow
from _service import NAME, deploy, make

REFUSED_BY = "deployed"
AFTER = "start"

make()
newest = max(int(each.version) for each in mlflow.MlflowClient().search_model_versions(f"name = '{NAME}'"))
deploy(f"models:/{NAME}/{newest}")
