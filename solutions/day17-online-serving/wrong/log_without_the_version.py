"""Nobody will be able to tell which version scored a payment."""

from _service import change, make

REFUSED_BY = "predictions_are_logged"
AFTER = "start"

make()
change(
    "watching.py",
    (
        '"model_name": os.environ["MODEL_NAME"], "model_version": os.environ["MODEL_VERSION"]',
        '"model_name": os.environ["MODEL_NAME"]',
    ),
)
