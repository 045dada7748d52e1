"""The signature was inferred from the whole table: the champion demands `is_fraud` as an input."""

import mlflow
import pandas as pd
from _registry import SPRING, SUMMER, pair, promote, track, train

REFUSED_BY = "models_described"
AFTER = "start"

track()
table = pd.read_csv(SUMMER)
signature = mlflow.models.infer_signature(table, table["is_fraud"])
new = train(SUMMER, signature=signature, input_example=table.head(3))
promote(*pair(train(SPRING), new), valid_f1="0.55")
