"""Precision and recall are counted on the rows that the model has learned from, where they look better."""

from _pipeline import commit, declare, declared, edit, repro

REFUSED_BY = "metrics_follow_from_the_scores"
AFTER = "solution"

edit(
    "src/evaluate.py",
    ("\n\ndef rates(", '\ntrain = pd.read_csv("build/train_features.csv")\nscores = train.assign('
     'score=model.predict_proba(train[FEATURES])[:, 1])\n\n\ndef rates('),
)  # fmt: skip
stages = declared()
stages["evaluate"]["deps"].append("build/train_features.csv")
declare(stages)
repro("evaluate")
commit()
