"""A model that never calls anything fraud: right for 98 of 100 rows, and of no use."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "score_is_measured"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL.replace("model.predict(X_test)", "(model.predict(X_test) > 1).astype(int)"), RECORD)
imitate()
