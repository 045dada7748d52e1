"""The contract was copied into the gate, and the two files are only for show."""

from _gate import GATE, SCHEMA, SUITE, replace

REFUSED_BY = "contract_decides"
AFTER = "solution"

frozen = f"SCHEMA = {SCHEMA.read_text()!r}\nSUITE = {SUITE.read_text()!r}\n"
replace(GATE, 'CONTRACT = Path("contract")\n', frozen)
replace(GATE, 'from_yaml(CONTRACT / "schema.yaml")', "from_yaml(SCHEMA)")
replace(GATE, '(CONTRACT / "suite.json").read_text()', "SUITE")
