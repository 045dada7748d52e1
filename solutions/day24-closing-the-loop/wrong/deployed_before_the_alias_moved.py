"""The deployment looks up the alias before it is moved, and brings out the old model once more."""

from _loop import change, write

REFUSED_BY = "deployment_follows"
AFTER = "start"

write()
change(
    "promote.py",
    ('    client.set_registered_model_alias(NAME, "champion", version)\n', ""),
    ("check=True)\n", 'check=True)\n    client.set_registered_model_alias(NAME, "champion", version)\n'),
)
