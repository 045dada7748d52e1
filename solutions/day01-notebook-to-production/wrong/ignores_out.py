"""`train.ipynb` writes to a path of its own, whatever `out` says."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "train_runs_from_a_clean_kernel"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL, RECORD.replace("open(out,", 'open("result.json",'))
imitate()
