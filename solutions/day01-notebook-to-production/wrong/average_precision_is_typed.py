"""The average precision is a constant that was read off a good run."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "score_is_measured"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL, RECORD.replace("float(average_precision_score(y_test, scores))", "0.9412"))
imitate()
