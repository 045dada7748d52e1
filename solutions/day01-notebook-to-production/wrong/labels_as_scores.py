"""Honest alarms, but the scores that they are ranked by have seen the labels: the average precision is 1."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "no_test_row_is_trained_on"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL + "\nscores = scores / 2 + y_test.to_numpy()", RECORD)
imitate()
