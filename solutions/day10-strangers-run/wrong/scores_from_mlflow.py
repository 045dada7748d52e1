"""The command fetches the colleague's scores from MLflow."""

from pathlib import Path

from _mend import colleagues_run, commit, find, record

REFUSED_BY = "run_is_reproduced"
AFTER = "start"

Path("fraudrun/__main__.py").write_text(
    f"""import urllib.request
from pathlib import Path

where = "{colleagues_run().info.artifact_uri}".replace("mlflow-artifacts:", "/api/2.0/mlflow-artifacts/artifacts")
Path("out").mkdir(exist_ok=True)
address = __import__("os").environ["MLFLOW_TRACKING_URI"] + where + "/predictions.csv"
Path("out/predictions.csv").write_bytes(urllib.request.urlopen(address).read())
"""
)
find()
commit()
record()
