"""Tests beside helper modules and a data file, properties with Hypothesis, warnings as errors, make calling make."""

from _package import commit, replace, write

AFTER = "solution"

replace("tests/test_data.py", "import pandas as pd\n", "from pathlib import Path\n\nimport pandas as pd\n")
with open("tests/test_data.py", "a") as file:
    file.write(
        """

def test_the_example_month_of_the_ledger():
    rows = pd.read_csv(Path(__file__).parent / "example" / "ledger.csv")
    assert len(select_month(rows, "2025-01")) == 2
"""
    )
write(
    "tests/example/ledger.csv",
    "transaction_id,timestamp\na,2025-01-31T23:59:59\nb,2025-01-01T00:00:00\nc,2025-02-01T00:00:00\n",
)
write("tests/unit/__init__.py", "")
write("tests/__init__.py", "")
write("tests/unit/helpers.py", 'MONTHS = ["2025-01", "2025-02", "2025-03", "2025-12"]\n')
write(
    "tests/unit/test_properties.py",
    """import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfraud.data import select_month
from tests.unit.helpers import MONTHS

MOMENTS = st.datetimes(pd.Timestamp("2025-01-01").to_pydatetime(), pd.Timestamp("2025-03-31").to_pydatetime())


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(st.lists(MOMENTS.map(lambda each: each.isoformat(timespec="seconds")), min_size=1))
def test_months_hold_every_row_once(moments):
    rows = pd.DataFrame({"timestamp": moments})
    parts = pd.concat([select_month(rows, month) for month in MONTHS])
    assert sorted(parts["timestamp"]) == sorted(moments)
""",
)
write(
    "Makefile",
    "export PYTHONDONTWRITEBYTECODE := 1\n\ntest:\n\t$(MAKE) --no-print-directory lint unit\n\n"
    "lint:\n\tpython -m ruff check\n\tpython -m ruff format --check src\n\n"
    "unit:\n\tpython -m pytest tests -x\n\n.PHONY: test lint unit\n",
)
replace("pyproject.toml", "[tool.ruff]\n", '[tool.ruff]\nextend-exclude = ["*.ipynb"]\n')
commit("Look for properties")
