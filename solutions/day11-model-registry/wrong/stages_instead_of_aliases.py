"""The old way: the new version is moved to the stage Production, as texts of MLflow 2 show it."""

from _registry import NAME, client, pair, record

REFUSED_BY = "aliases_set"
AFTER = "start"

old, new = pair()
record(new, old)
client.transition_model_version_stage(NAME, new, "Production")
client.transition_model_version_stage(NAME, old, "Archived")
