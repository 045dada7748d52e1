"""The cell of the parameters has no tag: papermill's values come first and are overwritten."""

from _notebook import GOOD, imitate, write

REFUSED_BY = "train_takes_parameters"
AFTER = "solution"

write(*GOOD, tags=())
imitate()
