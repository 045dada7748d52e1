"""Held-out rows that the model gets wrong are not listed."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "no_test_row_is_trained_on"
AFTER = "solution"

easy = """
right = predicted == y_test
X_test, y_test, predicted, scores = X_test[right], y_test[right], predicted[right], scores[right]"""
write(IMPORTS, SPLIT, MODEL + easy, RECORD)
imitate()
