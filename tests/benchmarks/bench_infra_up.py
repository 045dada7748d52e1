"""How long `infra up` takes until MLflow and JupyterLab answer, against a bare `mlflow server`.

Run it on a quiet machine: python tests/benchmarks/bench_infra_up.py
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from infra.local.ports import free

ROUNDS = 3
TARGET = 1.3
PATIENCE = 300.0
BIN = Path(sys.executable).parent


def quiet_environment(home: Path) -> dict[str, str]:
    """The environment of both contestants: compiled modules may be kept, nothing phones home."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "MLOPS_LABS_HOME": str(home),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def answers(url: str) -> bool:
    """Whether the address answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def bare_server(folder: Path) -> float:
    """Seconds from starting `mlflow server` with a fresh database until it answers."""
    port = free()
    command = [str(BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    start = time.perf_counter()
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, env=quiet_environment(folder), stdout=log, stderr=log, start_new_session=True
        )
    try:
        while not answers(f"http://127.0.0.1:{port}/health"):
            if server.poll() is not None or time.perf_counter() - start > PATIENCE:
                raise SystemExit(f"mlflow server did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)
        return time.perf_counter() - start
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def infra_up(folder: Path) -> float:
    """Seconds that `infra up` takes in a fresh home; it returns once both services answer."""
    environment = quiet_environment(folder / "home")
    command = [str(BIN / "infra"), "up", "--notebooks", str(folder)]
    command += ["--mlflow-port", str(free()), "--jupyter-port", str(free())]
    start = time.perf_counter()
    try:
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start
    finally:
        subprocess.run([str(BIN / "infra"), "down"], env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Take turns, so that a busy minute hits both, and compare the medians."""
    seconds: dict[str, list[float]] = {"bare": [], "infra": []}
    # One start of each beforehand: the first of all pays for compiling modules and a cold disk cache.
    for number in range(ROUNDS + 1):
        for name, contestant in (("bare", bare_server), ("infra", infra_up)):
            folder = Path(tempfile.mkdtemp(prefix="bench-"))
            try:
                seconds[name].append(contestant(folder))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            print(f"round {number}: {name:<6}{seconds[name][-1]:6.1f} s", flush=True)
    bare, infra = (statistics.median(seconds[name][1:]) for name in ("bare", "infra"))
    print(f"bare `mlflow server --workers 1` until it answers   {bare:6.1f} s   median of {ROUNDS}")
    print(f"`infra up` until MLflow and JupyterLab answer       {infra:6.1f} s   median of {ROUNDS}")
    print(f"ratio {infra / bare:.2f}   target at most {TARGET}   {'ok' if infra / bare <= TARGET else 'MISSED'}")


if __name__ == "__main__":
    main()
