"""In a cell: serve a learner's model repository with MLServer, as `mlserver start .` does, on a socket that was lent.

MLServer lives in an environment that lies over the main one (see `checker.environments`). The fork has the main one's
libraries already; what the other has of its own is imported from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from pathlib import Path
from typing import Any

from checker.tasks.services import enter, settings


def serve(packages: str, place: str, environment: dict[str, str], lent: int) -> None:
    """Serve the folder `code`, with the packages of that environment, until SIGTERM."""
    lie_over(Path(packages))
    enter(place, environment, "mlserver")
    with contextlib.suppress(SystemExit):
        asyncio.run(_serve(lent))


def lie_over(packages: Path) -> None:
    """Import from `packages` from now on what is there, whatever was imported elsewhere before."""
    sys.path.insert(0, str(packages))
    # A package without that file has parts in both.
    own = {each.parent.name for each in packages.glob("*/__init__.py")}
    for name in [each for each in sys.modules if each.partition(".")[0] in own]:
        del sys.modules[name]


async def _serve(lent: int) -> None:
    import uvicorn
    from mlserver import MLServer
    from mlserver.cli.serve import load_settings

    told, models = await load_settings(".")
    # One process, which is the one that is watched, and nobody outside of the cell.
    told.parallel_workers, told.kafka_enabled, told.tracing_server = 0, False, None
    server = MLServer(told)
    door = Door(server._rest_server._app)
    http = uvicorn.Server(uvicorn.Config(door, **settings(lent)))
    loading = asyncio.create_task(_load(server, models, door, http))
    await http.serve()
    loading.cancel()


class Door:
    """The way to an ASGI application, which can be shut.

    A server without models says that all of them are ready. So does MLServer, in the moment between a model that could
    not be loaded and its own end, and nobody shall be judged by that.
    """

    def __init__(self, app: Any) -> None:
        self._app, self.shut = app, False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let one request through, or answer that the server is not available."""
        if self.shut and scope["type"] == "http":
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, send)


async def _load(server: Any, models: list[Any], door: Door, http: Any) -> None:
    """Load the models while the server answers already, and end it when one of them cannot be loaded."""
    try:
        for each in models:
            await server._model_registry.load(each)
    except Exception:
        door.shut = http.should_exit = True
        traceback.print_exc()
