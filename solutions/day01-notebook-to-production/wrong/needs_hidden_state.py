"""`train.ipynb` uses a name that only the author's kernel had."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, write

REFUSED_BY = "train_runs_from_a_clean_kernel"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL.replace("n_estimators=60", "n_estimators=best_size"), RECORD)
