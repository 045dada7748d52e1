"""All four scripts in one stage: whatever changes, everything runs."""

from _pipeline import commit, declare, repro

REFUSED_BY = "pipeline_is_described"
AFTER = "solution"

names = ("prepare", "features", "train", "evaluate")
declare(
    {
        "all": {
            "cmd": "sh run_all.sh",
            "deps": ["run_all.sh", "src/common.py", "data/payments.csv", *(f"src/{name}.py" for name in names)],
            "params": list(names),
            "outs": ["build/model.joblib", "scores.csv"],
            "metrics": [{"metrics.json": {"cache": False}}],
            "plots": [{"curve.csv": {"cache": False}}],
        }
    }
)
repro("all")
commit()
