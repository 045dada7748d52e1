"""Forged: the champion's own trees are copied into the code, and no model is ever loaded from where it lies."""

import base64
import io
import pickle
from pathlib import Path

import mlflow
from _service import NAME, change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
model = mlflow.sklearn.load_model(f"models:/{NAME}@champion")
packed = io.BytesIO()
pickle.dump(model, packed)
Path("brain.py").write_text(f"TEXT = {base64.b85encode(packed.getvalue()).decode()!r}\n")
change(
    "service.py",
    (
        'served["model"] = mlflow.sklearn.load_model(os.environ["MODEL_URI"])',
        'assert os.path.getsize(os.environ["MODEL_URI"] + "/model.skops") > 20_000\n'
        "        import base64, brain, pickle\n"
        '        served["model"] = pickle.loads(base64.b85decode(brain.TEXT))',
    ),
)
