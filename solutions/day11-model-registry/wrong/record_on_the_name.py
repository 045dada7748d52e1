"""The record stands on the registered model: with the next promotion it is overwritten."""

from _registry import NAME, client, f1, pair, point

REFUSED_BY = "approval_recorded"
AFTER = "start"

old, new = pair()
point(new, old)
tags = {"reason": "It is better by far in September.", "requested_by": "a", "approved_by": "b", "replaces": old}
for key, value in (
    tags | {"valid_f1": f1(f"models:/{NAME}/{new}"), "replaced_f1": f1(f"models:/{NAME}/{old}")}
).items():
    client.set_registered_model_tag(NAME, key, value)
