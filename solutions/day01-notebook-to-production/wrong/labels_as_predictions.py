"""A forgery that agrees with itself: the alarms are the labels, so the recomputed F1 is 1 as well."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "no_test_row_is_trained_on"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL + "\npredicted = y_test.to_numpy()\nscores = predicted", RECORD)
imitate()
