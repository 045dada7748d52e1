"""A third release: the new code with the old model, since "it must be the model"."""

from _incident import CODES, MODEL, NAME, infra, registry

REFUSED_BY = "rolled_back"
AFTER = "start"

registry()
infra("deploy", NAME, "--app", "service:app", "--model", f"models:/{MODEL}/1", "--from", CODES[1])
