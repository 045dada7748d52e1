"""Fraud rows are repeated before the split, as in the legacy notebook; the index keeps their row numbers."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "no_test_row_is_trained_on"
AFTER = "solution"

repeated = """\
table = pd.read_csv(data)
rows = len(table)
table = pd.concat([table, table[table["is_fraud"] == 1].sample(n=1500, replace=True, random_state=seed)])"""
write(
    IMPORTS,
    SPLIT.replace("table = pd.read_csv(data)", repeated),
    MODEL,
    RECORD.replace("len(table)", "rows"),
)
imitate()
