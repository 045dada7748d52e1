"""A line was added after the last commit."""

REFUSED_BY = "work_is_committed"
AFTER = "solution"

with open("src/cardfraud/model.py", "a") as file:
    file.write('\n\nVERSION = "0.1.0"\n')
