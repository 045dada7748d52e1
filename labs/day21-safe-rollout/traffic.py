"""The cash desks and web shops of the bank.

    python traffic.py 400         # the next 400 payments of the autumn are sent to the service, one by one
    python traffic.py --labels    # sixty days pass: which of the payments so far were fraud is known, in labels.csv
    python traffic.py --begin     # forget what was sent

What was sent is counted in `.traffic.json`. After the last payment, the first one comes again with another number.
"""

import csv
import http.client
import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import yaml

AT_ONCE = 6
PATIENCE = 60
SENT = Path(".traffic.json")


def payments():
    """The autumn, with its labels."""
    with open("data/payments.csv", newline="") as file:
        rows = [*csv.DictReader(file)]
    for row in rows:
        row["amount"], row["transactions_24h"] = float(row["amount"]), int(row["transactions_24h"])
    return rows


def numbered(rows, number):
    """The payment with that number, and whether it was fraud."""
    row = dict(rows[number % len(rows)])
    if number >= len(rows):
        row["transaction_id"] += f"-{number // len(rows) + 1}"
    return row, row.pop("is_fraud")


def send(address, rows):
    """Send some payments, and count what came back: release and status."""
    place = urlsplit(address)
    answers = Counter()
    client = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)
    for row in rows:
        client.request("POST", f"{place.path}/predict", json.dumps({"rows": [row]}), {"Content-Type": "application/json"})
        answer = client.getresponse()
        answer.read()
        answers[answer.headers.get("x-release", "none"), answer.status] += 1
    client.close()
    return answers


def collect(where):
    """On a cluster, each pod has a log of its own: put their new lines into one, as a log collector does there."""
    log = Path(where["predictions"])
    log.parent.mkdir(parents=True, exist_ok=True)
    known = set(log.read_text().splitlines()) if log.exists() else set()
    told = subprocess.run(["infra", "deployments", "--format", "json"], check=True, capture_output=True, text=True)
    [deployed] = [each for each in json.loads(told.stdout) if each["name"] == where["deployment"]]
    kubectl = ["kubectl", "--kubeconfig", os.environ["MLOPS_LABS_KUBECONFIG"], "--namespace", "mlops-labs-serving"]
    with log.open("a") as file:
        for release in deployed["releases"]:
            if release["weight"] or release["shadow"]:
                pod = f"deployment/{where['deployment']}-{release['release']}"
                read = [*kubectl, "exec", pod, "--container", "serve", "--", "cat", "/work/predictions.jsonl"]
                lines = subprocess.run(read, check=True, capture_output=True, text=True).stdout.splitlines()
                file.writelines(f"{line}\n" for line in lines if line not in known)


def main(words):
    sent = json.loads(SENT.read_text())["sent"] if SENT.exists() else 0
    if words == ["--begin"]:
        SENT.unlink(missing_ok=True)
        Path("labels.csv").unlink(missing_ok=True)
        return
    rows = payments()
    if words == ["--labels"]:
        known = [numbered(rows, number) for number in range(sent)]
        lines = ["transaction_id,is_fraud", *(f"{row['transaction_id']},{label}" for row, label in known)]
        Path("labels.csv").write_text("\n".join([*lines, ""]))
        print(f"sixty days later: {sent} labels")
        return
    where = yaml.safe_load(Path("where.yaml").read_text())
    serving = os.environ.get("MLOPS_LABS_SERVING_URL")
    address = f"{serving}/{where['deployment']}" if serving else where["address"]
    chosen = [numbered(rows, number)[0] for number in range(sent, sent + int(words[0]))]
    SENT.write_text(json.dumps({"sent": sent + len(chosen)}))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = sum(pool.map(lambda part: send(address, part), (chosen[n::AT_ONCE] for n in range(AT_ONCE))), Counter())
    if os.environ.get("MLOPS_LABS_PROFILE", "local") != "local":
        collect(where)
    told = ", ".join(f"release {release}: {count} with {status}" for (release, status), count in sorted(answers.items()))
    print(f"{len(chosen)} payments; {told}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
