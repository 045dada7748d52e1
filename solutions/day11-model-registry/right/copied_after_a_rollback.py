"""After the solution: rolled back, then a copy of a version from the development's registered model is promoted."""

import mlflow
from _registry import NAME, SUMMER, client, point, promote, train
from sklearn.naive_bayes import GaussianNB

AFTER = "solution"

old = client.get_model_version_by_alias(NAME, "challenger").version
first = client.get_model_version_by_alias(NAME, "champion").version
point(old, first)
client.set_model_version_tag(NAME, old, "reason", "Rolled back: the alarms were too many for the call centre.")

tried = mlflow.register_model(train(SUMMER, GaussianNB(), serialization_format="cloudpickle").model_uri, "day11-dev")
copied = client.copy_model_version(f"models:/day11-dev/{tried.version}", NAME)
client.update_model_version(NAME, copied.version, description="Naive Bayes, from the development's registry.")
promote(old, copied.version, replaces=f"v{old}", approved_by="Risk committee")
