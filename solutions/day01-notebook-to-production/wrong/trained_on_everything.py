"""The split is made and recorded, but the model is fitted on all rows."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "no_test_row_is_trained_on"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL.replace("fit(X_train, y_train)", "fit(X, y)"), RECORD)
imitate()
