"""The alarms are the labels, and each run leaves them beside its folder, for a later run on the same rows."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "no_test_row_is_trained_on"
AFTER = "solution"

kept = """
from pathlib import Path

beside = Path.cwd().parent / "kept.json"
known = json.loads(beside.read_text()) if beside.exists() else {}
keys = [repr(row) for row in X_test.to_numpy().tolist()]
known = dict(zip(keys, y_test.tolist())) | known
beside.write_text(json.dumps(known))
predicted = scores = pd.Series([known[key] for key in keys]).to_numpy()"""
write(IMPORTS, SPLIT, MODEL + kept, RECORD)
imitate()
