"""Without MLServer: the protocol in Starlette, with rules by hand; and the model is loaded while the server answers."""

from pathlib import Path

from _server import declare, hand_over

hand_over()
declare()
Path("package.json").write_text('{"name": "fraud"}')
Path("service.py").write_text("""\
import asyncio
import contextlib
import json
import math
import os

import mlflow.sklearn
import numpy as np
import pandas as pd
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FLOATS = ["amount", "amount_to_usual"]
WHOLE = ["hour", "weekday", "is_foreign", "card_present", "category_code", "transactions_24h"]
DATATYPES = dict.fromkeys(FLOATS, "FP64") | dict.fromkeys(WHOLE, "INT64")
NAME, VERSION = "card-fraud", os.environ["MODEL_VERSION"]
state = {}


class Misfit(Exception):
    pass


@contextlib.asynccontextmanager
async def lifespan(app):
    async def load():
        state["model"] = await run_in_threadpool(mlflow.sklearn.load_model, os.environ["MODEL_URI"])

    state["loading"] = asyncio.create_task(load())
    yield


def told(status=200, **said):
    return JSONResponse(said, status)


def known(request):
    path = request.path_params
    return path["name"] == NAME and path.get("version", VERSION) == VERSION


async def live(request):
    return told(live=True)


async def ready(request):
    if "name" in request.path_params and not known(request):
        return told(404, error="no such model")
    return told(200 if "model" in state else 503, ready="model" in state)


async def server(request):
    return told(name="by hand", version="1", extensions=[])


async def metadata(request):
    if not known(request):
        return told(404, error="no such model")
    inputs = [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in DATATYPES.items()]
    outputs = [{"name": "score", "datatype": "FP64", "shape": [-1]}]
    return told(name=NAME, versions=[VERSION], platform="sklearn_skops", inputs=inputs, outputs=outputs)


def flat(values):
    for value in values:
        yield from flat(value) if isinstance(value, list) else [value]


def numbers(tensor):
    if not isinstance(tensor.get("shape"), list) or not isinstance(tensor.get("data"), list):
        raise Misfit("shape and data are lists")
    data, kind = list(flat(tensor["data"])), (int, float) if tensor["datatype"] == "FP64" else (int,)
    count = len(data)
    if not count or tensor["shape"] not in ([count], [count, 1]):
        raise Misfit("shape")
    for value in data:
        if type(value) not in kind or not math.isfinite(value) or (kind == (int,) and abs(value) >= 1 << 63):
            raise Misfit("data")
    return np.array(data, dtype=float if "FP64" == tensor["datatype"] else np.int64)


def no_constant(name):
    raise ValueError(name)


def question(body):
    try:
        asked = json.loads(body.decode(), parse_constant=no_constant)
        tensors = asked["inputs"]
        found = {tensor["name"]: tensor for tensor in tensors}
        types = {name: tensor["datatype"] for name, tensor in found.items()}
    except (ValueError, LookupError, TypeError, RecursionError, AttributeError):
        raise Misfit("no request of the protocol") from None
    if len(found) != len(tensors) or types != DATATYPES:
        raise Misfit("other inputs than those of the metadata")
    columns = {name: numbers(found[name]) for name in DATATYPES}
    if len({len(each) for each in columns.values()}) > 1:
        raise Misfit("lengths")
    return asked.get("id"), pd.DataFrame(columns)


async def infer(request):
    if not known(request):
        return told(404, error="no such model or version")
    if "model" not in state:
        return told(503, error="not ready")
    try:
        identity, table = question(await request.body())
    except Misfit as misfit:
        return told(400, error=str(misfit))
    scores = (await run_in_threadpool(state["model"].predict_proba, table))[:, 1]
    output = {"name": "score", "datatype": "FP64", "shape": [len(scores), 1]}
    output["data"] = [[each] for each in scores.tolist()]
    answer = {"outputs": [output], "model_version": VERSION, "model_name": NAME}
    return told(**answer | ({"id": identity} if identity else {}))


paths = []
for root in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
    paths += [Route(root, metadata), Route(root + "/ready", ready), Route(root + "/infer", infer, methods=["POST"])]
pages = [Route("/v2", server), Route("/v2/health/live", live), Route("/v2/health/ready", ready)]
app = Starlette(routes=[*pages, *paths], lifespan=lifespan)
""")
