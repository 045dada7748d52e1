"""`train.ipynb` was improved after the runs, and they were not made again."""

from _notebook import IMPORTS, RECORD, SPLIT, imitate, write

REFUSED_BY = "runs_are_recorded"
AFTER = "solution"

write(
    IMPORTS,
    SPLIT,
    "model = RandomForestClassifier(n_estimators=60, random_state=seed)\n"
    "predicted = model.fit(X_train, y_train).predict(X_test)\n"
    "scores = model.predict_proba(X_test)[:, 1]",
    RECORD,
)
imitate("first", "second")
