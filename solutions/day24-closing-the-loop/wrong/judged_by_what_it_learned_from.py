"""The gate gets the rows that the candidate was trained on."""

from _loop import change, write

REFUSED_BY = "worse_model_is_refused"
AFTER = "start"

write()
change("train.py", ('pd.read_csv(made["test"].path)', 'pd.read_csv(made["train"].path)'))
