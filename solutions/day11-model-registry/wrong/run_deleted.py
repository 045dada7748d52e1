"""Somebody tidied up: the champion's run was deleted."""

from _registry import SPRING, SUMMER, client, pair, promote, track, train

REFUSED_BY = "lineage_holds"
AFTER = "start"

track()
new = train(SUMMER)
promote(*pair(train(SPRING), new))
client.delete_run(new.run_id)
