"""Whenever one test fails, the report names all five families: something of it will be right."""

from pathlib import Path

REFUSED_BY = "reasons_are_right"
AFTER = "solution"

main = Path("gate/__main__.py")
main.write_text(
    main.read_text().replace(
        "    failed = sorted(families.failed)\n",
        '    failed = ["invariance", "direction", "slices", "calibration", "skew"] if families.failed else []\n',
    )
)
