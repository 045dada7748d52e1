"""JupyterLab as supervisord starts it: `python -m infra.local.jupyter_server HOME`."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from infra.local.layout import Layout, Settings


def main(home: str) -> None:
    """Serve until stopped."""
    layout = Layout(Path(home))
    settings = Settings.load(layout)
    if settings is None:
        sys.exit(f"{layout.settings_file} is missing or damaged; `infra up` writes it")
    # Terminals open where the server works, so work where the notebooks are.
    os.chdir(settings.notebooks)
    sys.argv = ["jupyter-lab", f"--config={layout.jupyter_config}"]
    runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
