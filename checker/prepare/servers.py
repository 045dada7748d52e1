"""What is prepared in services: versions of a registered model, and deployments of the platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from checker import platform
from checker.collect.mlflow import LARGEST_ANSWER, MlflowServer
from checker.errors import Unavailable
from checker.text import clean

CARD = "scorecard.json"
"""The file of a model."""
DESCRIBED = "Scores card payments. Owner: card fraud."
LONGEST = 600


@dataclass(frozen=True)
class Version:
    """A version to be: the content of its model, what is said of it, and its tags."""

    card: Mapping[str, Any]
    description: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Preparing:
    """What a day prepares; `day` and `what` are named where a service does not do its part."""

    day: int
    what: str

    @property
    def again(self) -> str:
        """The end of a next step."""
        return f"then `checker start {self.day}` again"

    def register(self, name: str, experiment: str, versions: Sequence[Version]) -> None:
        """Make a registered model anew, with a version for each of `versions`.

        Raises:
            Unavailable: MLflow does not take it.
        """
        with registry() as server:
            self.mlflow(server, "DELETE", "registered-models/delete", {"name": name}, missing=True)
            self.mlflow(server, "POST", "registered-models/create", {"name": name, "description": DESCRIBED})
            identity = self._experiment(server, experiment)
            for number, version in enumerate(versions, start=1):
                run, where = self._run(server, identity, f"version-{number}")
                for path, content in model(version.card, run).items():
                    self.mlflow(server, "PUT", f"{where}/model/{path}", content)
                body = {
                    "name": name,
                    "source": f"mlflow-artifacts:/{where}/model",
                    "run_id": run,
                    "description": version.description,
                    "tags": [{"key": key, "value": value} for key, value in version.tags.items()],
                }
                self.mlflow(server, "POST", "model-versions/create", body)

    def point(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a version; raises as `register`."""
        with registry() as server:
            body = {"name": name, "alias": alias, "version": version}
            self.mlflow(server, "POST", "registered-models/alias", body)

    def infra(self, *words: str) -> None:
        """Run a command of the platform.

        Raises:
            Unavailable: it does not end well.
        """
        # The platform is found by its home, wherever this is started.
        done = subprocess.run(
            [sys.executable, "-m", "infra", *words], capture_output=True, text=True, timeout=LONGEST, check=False,
            env=os.environ | {"MLOPS_LABS_HOME": str(platform.home())},
        )  # fmt: skip
        if done.returncode:
            raise Unavailable(
                f"`infra {' '.join(words[:2])}` ended with status {done.returncode}: {clean(done.stderr.strip(), 300)}",
                expected=f"a running platform, {self.what}",
                next_step=f"run `infra up`, {self.again}",
            )

    def begin_anew(self, deployment: str) -> None:
        """Take away what is deployed under the name, with its log of predictions; the journal stays."""
        place = platform.home() / "serving" / deployment
        if (place / "deployment.json").exists():
            self.infra("undeploy", deployment)
        (place / "predictions.jsonl").unlink(missing_ok=True)

    def mlflow(
        self, server: MlflowServer, method: str, path: str, body: dict[str, Any] | bytes | None = None, *,
        missing: bool = False,
    ) -> Any:  # fmt: skip
        """Return MLflow's answer; with `missing`, nothing where it does not know such a thing. Raises as `register`."""
        api = "mlflow-artifacts/artifacts" if isinstance(body, bytes) else "mlflow"
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body} if body else {}
        status, content = server.stream(method, f"/api/2.0/{api}/{path}", largest=LARGEST_ANSWER, **sent)
        if status == 200:
            return json.loads(content or b"{}")
        if missing:
            return None
        asked, said = path.split("?", maxsplit=1)[0], clean(content.decode(errors="replace"), 200)
        raise Unavailable(
            f"MLflow did not take what day {self.day} is about ({asked}: {said})",
            expected="an MLflow server as `infra up` starts it",
            next_step=f"run `infra status` and `infra up`, {self.again}",
        )

    def _experiment(self, server: MlflowServer, name: str) -> str:
        found = self.mlflow(server, "GET", f"experiments/get-by-name?experiment_name={name}", missing=True)
        if not found:
            return str(self.mlflow(server, "POST", "experiments/create", {"name": name})["experiment_id"])
        identity = str(found["experiment"]["experiment_id"])
        if found["experiment"].get("lifecycle_stage") == "deleted":
            self.mlflow(server, "POST", "experiments/restore", {"experiment_id": identity})
        return identity

    def _run(self, server: MlflowServer, experiment: str, name: str) -> tuple[str, str]:
        """Return the id of a new run, and the path of its artifacts in the store."""
        now = int(datetime.now(UTC).timestamp() * 1000)
        body = {"experiment_id": experiment, "start_time": now, "run_name": name}
        info = self.mlflow(server, "POST", "runs/create", body)["run"]["info"]
        ended = {"run_id": info["run_id"], "status": "FINISHED", "end_time": now}
        self.mlflow(server, "POST", "runs/update", ended)
        return str(info["run_id"]), str(info["artifact_uri"]).removeprefix("mlflow-artifacts:").lstrip("/")


def registry() -> MlflowServer:
    """Return the platform's MLflow."""
    return MlflowServer(platform.environment().get("MLFLOW_TRACKING_URI", ""))


def model(card: Mapping[str, Any], run: str) -> dict[str, bytes]:
    """Return the files of a model that is a scorecard."""
    described = f"artifact_path: model\nflavors:\n  scorecard:\n    data: {CARD}\nrun_id: {run}\n"
    return {"MLmodel": described.encode(), CARD: json.dumps(card, indent=2).encode() + b"\n"}
