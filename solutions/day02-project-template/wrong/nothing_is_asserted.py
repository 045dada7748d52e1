"""The tests call every function and look at nothing but that something came back: full coverage, no fault noticed."""

from _package import commit, tidy, without_tests, write

REFUSED_BY = "tests_catch_planted_faults"
AFTER = "solution"

without_tests()
write(
    "tests/test_all.py",
    """import pandas as pd

from cardfraud.data import add_labels, select_month
from cardfraud.features import make_features, usual_amounts
from cardfraud.model import evaluate, train_model

ROWS = pd.DataFrame(
    {
        "transaction_id": ["a", "b"],
        "timestamp": ["2025-01-05T10:00:00", "2025-01-06T11:00:00"],
        "customer_id": ["x", "y"],
        "channel": ["chip", "online"],
        "country": ["AT", "DE"],
        "amount": [5.0, 9.0],
        "transactions_24h": [1, 1],
    }
)
LABELS = pd.DataFrame({"transaction_id": ["a", "b"], "is_fraud": [0, 1], "known_on": ["2025-02-20", "2025-02-21"]})


def test_everything_runs():
    assert select_month(ROWS, "2025-01") is not None
    labelled = add_labels(ROWS, LABELS, "2025-03-01")
    assert len(labelled) == 2
    features = make_features(labelled, usual_amounts(labelled))
    assert not features.empty
    assert train_model(features, labelled["is_fraud"], 7) is not None
    assert evaluate(labelled["is_fraud"], labelled["is_fraud"])
""",
)
tidy()
commit()
