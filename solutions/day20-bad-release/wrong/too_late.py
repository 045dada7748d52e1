"""The release was taken back after more than an hour of looking for the cause (the journal's clock stands for it)."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from _incident import WHERE, all_done, journal, write

REFUSED_BY = "recovered_in_time"
AFTER = "start"

all_done()
lines = journal()
lines[-1]["at"] = (datetime.fromisoformat(lines[-1]["at"]) + timedelta(minutes=95)).isoformat(timespec="milliseconds")
Path(WHERE["journal"]).write_text("".join(json.dumps(each) + "\n" for each in lines))
write()
