"""Load a scikit-learn model as mlflow.sklearn does, without MLflow: its import costs as much as scikit-learn's.

Only the plain case is taken: a model that MLflow would load by `mlflow.sklearn` and ask by `predict`, with
a signature that names its columns. Layout of MLmodel: MLflow 3.17, mlflow/sklearn/__init__.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST_MLMODEL = 64 << 10
DEEPEST = 20
"""A longer or deeper one, which no plain model has, is for MLflow to read, in the cell."""


@dataclass(frozen=True)
class Plan:
    """What the model's file is called, how it was written, which types it may hold, which columns it takes in order."""

    name: str
    format: str
    trusted: tuple[str, ...]
    columns: tuple[str, ...]

    def load(self, folder: Path) -> Any:
        """Return the model in `folder`. Loading may run whatever the model's author wrote."""
        if self.format == "skops":
            import skops.io

            return skops.io.load(folder / self.name, trusted=list(self.trusted))
        import cloudpickle

        with (folder / self.name).open("rb") as file:
            return cloudpickle.load(file)


def plan(text: bytes) -> Plan | None:
    """Return how to load the model whose MLmodel has this text, or None where only MLflow itself knows."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if len(text) > LARGEST_MLMODEL:
        return None
    try:
        words, depth = text.decode("utf-8"), 0
        for event in yaml.parse(words, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            # With aliases, a short text can mean an endless one; a deep one is read by calls within calls.
            if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
                return None
        described = yaml.load(words, loader)  # noqa: S506 - a safe one
        generic, own = described["flavors"]["python_function"], described["flavors"]["sklearn"]
        inputs = json.loads(described["signature"]["inputs"])
        made = Plan(
            name=str(own["pickled_model"]),
            format=str(own["serialization_format"]),
            trusted=tuple(map(str, own.get("skops_trusted_types") or ())),
            columns=tuple(str(column["name"]) for column in inputs),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, yaml.YAMLError):
        return None
    plain = (
        generic.get("loader_module") == "mlflow.sklearn"
        and generic.get("predict_fn", "predict") == "predict"
        and generic.get("model_path") == own["pickled_model"]
        and not generic.get("code")
        and not own.get("code")
        and made.format in ("skops", "cloudpickle")
    )
    return made if plain else None
