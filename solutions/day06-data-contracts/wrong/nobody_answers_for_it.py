"""The suite has neither a version nor an owner."""

import json

from _gate import SUITE

REFUSED_BY = "contract_is_written_down"
AFTER = "solution"

suite = json.loads(SUITE.read_text())
suite["meta"] = {}
SUITE.write_text(json.dumps(suite))
