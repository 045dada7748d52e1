"""The colleague's scores were downloaded and are written out again, whatever the data are."""

from pathlib import Path

import mlflow
from _mend import colleagues_run, commit, find, record

REFUSED_BY = "mended_code_still_learns"
AFTER = "start"

run = colleagues_run()
mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="predictions.csv", dst_path="fraudrun")
Path("fraudrun/__main__.py").write_text(
    f"""import json
from pathlib import Path

Path("out").mkdir(exist_ok=True)
Path("out/predictions.csv").write_text(Path("fraudrun/predictions.csv").read_text())
Path("out/metrics.json").write_text(json.dumps({run.data.metrics!r}))
"""
)
find()
commit()
record()
