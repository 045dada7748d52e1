"""What the scripts share: the models that are handed over, and the repository of the solution, with changes."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import mlflow

LAB = Path(__file__).parent.parent / "lab.py"
WRITTEN = re.compile(
    r"^Path\(\"[\w-]+\.(?:py|json)\"\)\.write_text\([\"']{3}.*?^### END SOLUTION$", re.MULTILINE | re.DOTALL
)
NAME = "day18-card-fraud"


def champion():
    """The number of the version that was approved."""
    return mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion").version


def hand_over():
    """Register both models, as the data science team's script does; and have MLServer, for the grading."""
    runpy.run_path("handover.py", run_name="__main__")
    subprocess.run([sys.executable, "-m", "infra", "tool", "mlserver"], check=True, stdout=subprocess.DEVNULL)


def write():
    """Write the files of the solution's repository."""
    cells = WRITTEN.findall(LAB.read_text(encoding="utf-8"))
    assert len(cells) == 3
    for cell in cells:
        exec(cell, {"Path": Path})


def declare(**changes):
    """Write a manifest; of what stands in it, some may be changed."""
    said = {
        "name": "card-fraud-v2",
        "format": "mlflow",
        "protocol": "v2",
        "uri": f"models:/{NAME}/{champion()}",
        "code": "/mnt/code",
    } | changes
    Path("isvc.yaml").write_text(f"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {{name: {said["name"]}, namespace: mlops-labs-serving}}
spec:
  predictor:
    model:
      modelFormat: {{name: {said["format"]}}}
      protocolVersion: {said["protocol"]}
      runtime: mlops-labs-mlserver
      storageUri: {said["uri"]}
      volumeMounts: [{{name: code, mountPath: {said["code"]}}}]
    volumes: [{{name: code, configMap: {{name: card-fraud-code}}}}]
""")


def make():
    """Hand over, write the repository, and declare the service."""
    hand_over()
    write()
    declare()


def change(path, *pairs):
    """Replace parts of a file, each of which must be there once."""
    file = Path(path)
    text = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert text.count(old) == 1, f"{text.count(old)} times in {path}: {old}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
