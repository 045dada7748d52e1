"""The user who ran the training approves the model."""

from _registry import SPRING, SUMMER, client, pair, promote, track, train

REFUSED_BY = "approval_recorded"
AFTER = "start"

track()
new = train(SUMMER)
promote(*pair(train(SPRING), new), approved_by=client.get_run(new.run_id).data.tags["mlflow.user"])
