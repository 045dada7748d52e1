"""The threshold is the one that gives the best F1 on the held-out rows."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "no_test_row_is_trained_on"
AFTER = "solution"

chosen = """
best = max(set(scores), key=lambda each: f1_score(y_test, scores >= each))
predicted = (scores >= best).astype(int)"""
write(IMPORTS, SPLIT, MODEL + chosen, RECORD)
imitate()
