"""Forged: the champion's own trees are copied into the code, and the folder is looked at, but never loaded."""

import base64
import io
import pickle
from pathlib import Path

import mlflow
from _server import NAME, change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
model = mlflow.sklearn.load_model(f"models:/{NAME}@champion")
packed = io.BytesIO()
pickle.dump(model, packed)
Path("brain.py").write_text(f"TEXT = {base64.b85encode(packed.getvalue()).decode()!r}\n")
change(
    "model.py",
    (
        "self.model = mlflow.sklearn.load_model(self.settings.parameters.uri)",
        "import base64, brain, os, pickle\n"
        '        assert os.path.getsize(self.settings.parameters.uri + "/model.skops") > 20_000\n'
        "        self.model = pickle.loads(base64.b85decode(brain.TEXT))",
    ),
)
