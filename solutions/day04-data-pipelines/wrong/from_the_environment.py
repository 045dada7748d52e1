"""The depth of the trees comes from an environment variable, which DVC knows nothing of."""

from _pipeline import commit, edit, repro

REFUSED_BY = "changes_rerun_only_what_they_must"
AFTER = "solution"

edit(
    "src/train.py",
    ("from pathlib import Path\n", "import os\nfrom pathlib import Path\n"),
    ('params["max_depth"]', 'int(os.environ.get("MAX_DEPTH", "6"))'),
)
repro("train", "evaluate")
commit()
