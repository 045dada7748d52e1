"""The model is loaded anew for each request."""

from _service import change, make

REFUSED_BY = "fast_enough"
AFTER = "start"

make()
change(
    "service.py",
    (
        "        rows = [row.model_dump()",
        '        served["model"] = mlflow.sklearn.load_model(os.environ["MODEL_URI"])\n'
        "        rows = [row.model_dump()",
    ),
)
