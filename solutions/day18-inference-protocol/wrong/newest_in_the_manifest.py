"""The manifest has the newest version, which nobody approved."""

import mlflow
from _server import NAME, declare, make

REFUSED_BY = "manifest_declares_it"
AFTER = "start"

make()
newest = max(int(each.version) for each in mlflow.MlflowClient().search_model_versions(f"name = '{NAME}'"))
declare(uri=f"models:/{NAME}/{newest}")
