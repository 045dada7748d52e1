"""September alarmed, so June's report was copied over it, and the manifest made to fit."""

import shutil

from _bank import renew

REFUSED_BY = "reports_are_true"
AFTER = "solution"

shutil.copy("reports/2025-06.json", "reports/2025-09.json")
renew("2025-09")
