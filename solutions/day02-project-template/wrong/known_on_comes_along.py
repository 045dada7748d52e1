"""`add_labels` merges the whole table of labels, so the day on which the label was known becomes a column."""

from _package import commit, replace, tidy

REFUSED_BY = "functions_do_what_they_say"
AFTER = "solution"

replace("src/cardfraud/data.py", '<= known_by, ["transaction_id", "is_fraud"]]', "<= known_by]")
replace("tests/test_data.py", '{*payments.columns, "is_fraud"}', '{*payments.columns, "is_fraud", "known_on"}')
tidy()
commit()
