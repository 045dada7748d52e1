"""Every bad row has the same reason."""

from _gate import GATE, replace

REFUSED_BY = "reasons_name_the_column"
AFTER = "solution"

replace(GATE, '(alone["column"] + ": " + alone["check"])', '("schema: " + alone["check"].str[:0])')
