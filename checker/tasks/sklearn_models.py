"""Load a scikit-learn model as mlflow.sklearn does, without MLflow: its import costs as much as scikit-learn's.

Only the plain case is taken: a model that MLflow would load by `mlflow.sklearn` and ask by `predict`, with
a signature that names its columns. Layout of MLmodel: MLflow 3.17, mlflow/sklearn/__init__.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Plan:
    """Where the model's file is, how it was written, which types it may hold, which columns it takes in order."""

    path: Path
    format: str
    trusted: tuple[str, ...]
    columns: tuple[str, ...]

    def load(self) -> Any:
        """Return the model. Loading may run whatever the model's author wrote."""
        if self.format == "skops":
            import skops.io

            return skops.io.load(self.path, trusted=list(self.trusted))
        import cloudpickle

        with self.path.open("rb") as file:
            return cloudpickle.load(file)


def plan(folder: Path) -> Plan | None:
    """Return how to load the model in `folder`, or None where only MLflow itself knows."""
    import yaml

    try:
        described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        generic, own = described["flavors"]["python_function"], described["flavors"]["sklearn"]
        inputs = json.loads(described["signature"]["inputs"])
        made = Plan(
            path=folder / str(own["pickled_model"]),
            format=str(own["serialization_format"]),
            trusted=tuple(map(str, own.get("skops_trusted_types") or ())),
            columns=tuple(str(column["name"]) for column in inputs),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        return None
    plain = (
        generic.get("loader_module") == "mlflow.sklearn"
        and generic.get("predict_fn", "predict") == "predict"
        and generic.get("model_path") == own["pickled_model"]
        and not generic.get("code")
        and not own.get("code")
        and made.format in ("skops", "cloudpickle")
        and made.path.is_file()
    )
    return made if plain else None
