"""Importing this does once what most models will do, so that whatever libraries do at the first time is behind them."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def _rehearse() -> None:
    numbers = np.arange(80, dtype=np.float64)
    labels = (numbers > numbers.mean()).astype(np.int64)
    forest, line = RandomForestClassifier(2), make_pipeline(StandardScaler(), LogisticRegression())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.savez(Path(folder, "table.npz"), a=numbers, b=numbers % 7)
        table = pd.DataFrame(dict(np.load(Path(folder, "table.npz"))))
        for number, model in enumerate((forest, line)):
            path = Path(folder, f"{number}.skops")
            skops.io.dump(model.fit(table, labels), path)
            skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path)).predict(table[["a", "b"]])


_rehearse()
