"""The champion's version names a tidy run, and its model was logged in another, which names no data."""

import mlflow
import pandas as pd
from _registry import NAME, SPRING, SUMMER, client, keep, promote, register, split, track, train, tree

REFUSED_BY = "lineage_holds"
AFTER = "start"

track()
old, tidy = register(train(SPRING)), train(SUMMER)
X, y = split(pd.read_csv(SUMMER))
with mlflow.start_run():
    info = keep(tree(5).fit(X, y), X)
made = client.create_model_version(
    NAME, source=info.model_uri, model_id=info.model_id, run_id=tidy.run_id, description="d"
)
promote(old, made.version)
