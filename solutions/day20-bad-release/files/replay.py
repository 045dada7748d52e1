"""Ask a release about known payments, beside the platform: nobody's traffic is touched.

    python replay.py service/release-1 models/1 > before.jsonl

takes the code in one folder and the model in another, starts uvicorn, asks about the payments in data/replay.csv, and
prints one answer a line. In Python, more can be asked:

    from replay import payments, served

    with served("service/release-1", "models/1") as release:
        answers = release.ask(payments()[:5])
        lines = release.log()
"""

import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

AT_ONCE = 100
PATIENCE = 120


def payments(path="data/replay.csv"):
    """The payments as the service is asked about them, without their labels."""
    with open(path, newline="") as file:
        rows = [*csv.DictReader(file)]
    for row in rows:
        row.pop("is_fraud", None)
        row["amount"], row["transactions_24h"] = float(row["amount"]), int(row["transactions_24h"])
    return rows


class Release:
    """A release that runs: code and model."""

    def __init__(self, client, log):
        self.client, self._log = client, log

    def ask(self, rows):
        """What it answers to each payment, in order."""
        answers = []
        for start in range(0, len(rows), AT_ONCE):
            answer = self.client.post("/predict", json={"rows": rows[start : start + AT_ONCE]})
            answer.raise_for_status()
            answers += answer.json()["predictions"]
        return answers

    def seconds(self, row):
        """How long a request with one payment takes."""
        began = time.perf_counter()
        self.ask([row])
        return time.perf_counter() - began

    def log(self):
        """The lines of its own log of predictions, so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@contextlib.contextmanager
def served(code, model):
    """Start the code of one folder with the model of another, whose name is the version; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="replay-") as scratch:
        socket, log = Path(scratch, "s"), Path(scratch, "predictions.jsonl")
        variables = {
            "MODEL_URI": str(Path(model).absolute()),
            "MODEL_NAME": "replay",
            "MODEL_VERSION": Path(model).name,
            "RELEASE": "0",
            "PREDICTION_LOG": str(log),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "uvicorn", "service:app", "--uds", str(socket), "--no-access-log"]
        with open(Path(scratch, "printed"), "w+") as printed:
            process = subprocess.Popen(
                command, cwd=code, env=os.environ | variables, stdout=printed, stderr=subprocess.STDOUT
            )
            try:
                transport = httpx.HTTPTransport(uds=str(socket))
                with httpx.Client(transport=transport, base_url="http://release", timeout=PATIENCE) as client:
                    _wait(client, process, socket, Path(scratch, "printed"))
                    yield Release(client, log)
            finally:
                process.terminate()
                process.wait()


def _wait(client, process, socket, printed):
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with contextlib.suppress(httpx.TransportError):
            if socket.exists() and client.get("/ready").status_code == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"it does not start:\n{printed.read_text()[-2000:]}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with served(sys.argv[1], sys.argv[2]) as running:
        for each in running.ask(payments()):
            print(json.dumps(each))
