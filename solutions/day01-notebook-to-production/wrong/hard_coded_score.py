"""The scores are constants that were read off a good run."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "score_is_measured"
AFTER = "solution"

typed = RECORD.replace("float(f1_score(y_test, predicted))", "0.9137")
write(IMPORTS, SPLIT, MODEL, typed.replace("float(average_precision_score(y_test, scores))", "0.9412"))
imitate()
