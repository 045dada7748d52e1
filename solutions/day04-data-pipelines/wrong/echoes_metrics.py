"""The stage runs the script, and then writes the numbers that somebody likes better."""

from _pipeline import commit, declare, declared, repro

REFUSED_BY = "metrics_follow_from_the_scores"
AFTER = "solution"

stages = declared()
stages["evaluate"]["cmd"] = """python src/evaluate.py && echo '{"precision": 0.97, "recall": 0.93}' > metrics.json"""
declare(stages)
repro("evaluate")
commit()
