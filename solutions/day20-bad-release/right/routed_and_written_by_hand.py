"""By `infra route` in place of a rollback, the bad one as a shadow; other spellings, and JSON in another order."""

import json
from pathlib import Path

from _incident import BAD, GOOD, NAME, infra, registry, told

AFTER = "start"

infra("route", NAME, f"{GOOD}=100", "--shadow", BAD)
registry(status_1=" Live", status_2="Rolled back", reason_2="see our incident of today", owner_2="card fraud")
said = told(commander="the one on call")
said |= {"bad_release": str(BAD), "file": f"service/release-{BAD}/{said['file']}", "fault": said["fault"].upper()}
said["minutes_to_recover"] = round(said["minutes_to_recover"])
Path("incident.yaml").write_text(json.dumps(dict(reversed(said.items())), indent=4))
