"""`train.ipynb` reads data/transactions.csv, whatever `data` says."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "score_is_measured"
AFTER = "solution"

write(IMPORTS, SPLIT.replace("read_csv(data)", 'read_csv("data/transactions.csv")'), MODEL, RECORD)
imitate()
