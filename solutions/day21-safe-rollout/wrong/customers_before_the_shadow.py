"""By hand, and in a hurry: version 2 got its first customers without having been a shadow."""

import json
from pathlib import Path

from _rollout import NAME, deploy, infra, rule, write

REFUSED_BY = "rolled_out_here"
AFTER = "start"

write()
rule()
deploy(1, "releases/now")
deploy(2, "releases/now", "--weight", 10)
journal = Path(json.loads(Path("where.yaml").read_text().splitlines()[2].split(": ", 1)[1]))
champion, candidate = (int(each) for each in json.loads(journal.read_text().splitlines()[-1])["weights"])
infra("route", NAME, f"{champion}=50", f"{candidate}=50")
infra("route", NAME, f"{candidate}=100")
said = [{"decision": word, "reason": "it is as it should be"} for word in ("promote", "rollback")]
Path("decisions.jsonl").write_text("".join(json.dumps(each) + "\n" for each in said))
