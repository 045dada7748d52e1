"""papermill from Python, boosting with a search over settings in parallel, results written by a context of its own."""

from pathlib import Path

from _notebook import IMPORTS, RECORD, SPLIT, run, write

AFTER = "start"

Path("audit.csv").write_text(
    "cell,fault\n11,outside-path\n8,typed-constant\n7,unseeded\n7,hidden-state\n6,unseeded\n5,unseeded\n"
    "5,leakage\n3,late-import\n2,outside-path\n8,leakage\n"
)
write(
    IMPORTS + "\nfrom sklearn.ensemble import HistGradientBoostingClassifier\n"
    "from sklearn.model_selection import GridSearchCV, StratifiedKFold",
    SPLIT,
    """\
search = GridSearchCV(
    HistGradientBoostingClassifier(max_iter=15, random_state=seed),
    {"max_leaf_nodes": [4, 8]},
    scoring="average_precision",
    cv=StratifiedKFold(2, shuffle=True, random_state=seed),
    n_jobs=2,
)
model = search.fit(X_train, y_train).best_estimator_
predicted = model.predict(X_test)
scores = model.predict_proba(X_test)[:, 1]""",
    RECORD,
)
run()
