"""The digests are the ones that MLflow itself computes."""

import io

import numpy as np
import pandas as pd
import pytest
from mlflow.data.digest_utils import compute_numpy_digest, compute_pandas_digest

from checker.declarations import Recipe
from checker.prove.digests import mlflow_digests
from checker.recipes import make_table


@pytest.mark.parametrize("rows", [600, 12_000])
def test_each_common_way_to_log_a_table_has_mlflows_digest(rows):
    table = make_table(Recipe(table="features", months=(1,), rows=rows), 7)
    frame = pd.read_csv(io.BytesIO(table.to_csv()))
    features, labels = frame.drop(columns="is_fraud"), frame["is_fraud"]
    wanted = {
        compute_pandas_digest(frame),
        compute_pandas_digest(features),
        compute_pandas_digest(frame.astype("float64")),
        compute_pandas_digest(features.astype("float64")),
        compute_pandas_digest(features.astype("float64").assign(is_fraud=labels)),
        compute_numpy_digest(features.to_numpy()),
        compute_numpy_digest(features.to_numpy(), labels.to_numpy()),
    }
    columns = {name: np.asarray(table[name]) for name in table.columns}
    assert set(mlflow_digests(columns, "is_fraud")) == wanted
    other = {compute_pandas_digest(frame.iloc[1:]), compute_pandas_digest(frame.iloc[::-1])}
    assert not other & wanted
