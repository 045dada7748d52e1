"""PSI with 0.2 for all columns, as it is done for credit scores in ten equal bins."""

from _bank import limits

REFUSED_BY = "drift_is_not_hidden"
AFTER = "solution"

limits(lambda column, limit: limit.update(method="psi", threshold=0.2))
