# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Day 18: The inference protocol
#
# About 90 minutes. You need the platform (`infra up`). You write files in this folder, with JupyterLab's editor, with
# another one, or from cells: only what stands at the end counts. The last task has a second half for those who have the
# platform on Kubernetes; without it, nothing is lost.

# %% [markdown]
# ## Why
#
# The bank has eleven models behind ports by now, and each speaks a language of its own. Fraud takes
# `{"rows": [{"amount": ...}]}` at `/predict`, credit risk takes a list of lists at `/score`, and the chatbot of the
# hotline takes form data. So
#
# - the payment system has eleven clients, each written by hand, and each breaks when its model's team changes a name;
# - the gateway cannot tell whether a model is loaded, since two call it `/ready`, three `/ping`, and six have nothing;
# - the monitoring knows nothing of what goes in, for it would have to know eleven formats;
# - last spring, credit risk moved from scikit-learn to a GPU server of another vendor. The model was ready in a week. The
#   clients took until autumn.
#
# What was missing is a **protocol**: an agreement on how a model is asked that knows nothing of the model, the framework
# or the server. Then clients, gateways and servers can be changed apart from each other. There is one that many servers
# speak: the **Open Inference Protocol**, often called V2. MLServer, KServe's runtimes, NVIDIA Triton, OpenVINO Model
# Server and Seldon Core answer it, over REST and over gRPC. A client that can ask one of them can ask them all.
#
# Today the fraud model gets it, in MLServer. You will see what a protocol settles, and what it leaves to you: MLServer
# guarantees that a request *is* one. Whether it *fits your model* is your code's work, and the default is worse than you
# think.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# ### What is started
#
# A **model repository**: a `model-settings.json` in this folder or below it, with the Python files that it needs. The
# checker starts MLServer 1.7 on a copy of this folder, as `mlserver start .` does, with one process. Where there is no
# `model-settings.json`, it starts the ASGI application `app` in `service.py` by uvicorn instead: whoever wants to write
# the protocol without MLServer may. Both get these variables, each time with other values:
#
# | variable | what it is |
# |---|---|
# | `MLSERVER_MODEL_URI` | a local folder with a scikit-learn model as MLflow saves it; `mlflow.sklearn.load_model(path)` gives it back |
# | `MLSERVER_MODEL_VERSION` | the number of its version |
#
# (`MODEL_URI` and `MODEL_VERSION` say the same.) All `.py` and `.json` files of this folder and below are taken along,
# and `*.toml`, `*.yaml`, `*.yml`, `*.ini` and `*.cfg` beside them. There is no network. One start may use 60 seconds of
# CPU time.
#
# ### What it takes and gives
#
# The model's name in the protocol is `card-fraud`. It has eight inputs and one output. n is the number of payments:
#
# | input | datatype | shape |
# |---|---|---|
# | `amount`, `amount_to_usual` | FP64 | [n] or [n, 1] |
# | `hour`, `weekday`, `is_foreign`, `card_present`, `category_code`, `transactions_24h` | INT64 | [n] or [n, 1] |
#
# | output | datatype | shape |
# |---|---|---|
# | `score`: `predict_proba(...)[:, 1]`, not rounded | FP64 | [n] or [n, 1] |
#
# `POST /v2/models/card-fraud/infer`, for two payments (six of the eight inputs are left out here):
#
# ```json
# {"id": "question-1",
#  "inputs": [{"name": "amount", "shape": [2], "datatype": "FP64", "data": [25.5, 9.9]},
#             {"name": "hour", "shape": [2], "datatype": "INT64", "data": [13, 2]}, ...]}
# ```
#
# and its answer:
#
# ```json
# {"model_name": "card-fraud", "model_version": "1", "id": "question-1",
#  "outputs": [{"name": "score", "shape": [2], "datatype": "FP64", "data": [0.0123, 0.87]}]}
# ```
#
# Other keys are welcome in all answers. The metadata say -1 where a size is free: `"shape": [-1]`. Whether you take
# `true` for a number, `2.0` for a whole one, or more than 100 rows is your choice: nobody asks.

# %% [markdown]
# ## Do
#
# The data science team hands over two models: run their script once. Both become versions of `day18-card-fraud`; the
# alias `champion` names the one that was approved, which is *not* the newest.

# %% language="bash"
# python handover.py

# %% [markdown]
# MLServer wants an older FastAPI than the rest of the course has. Such conflicts are daily bread, and the usual way out is
# an environment of its own. `infra tool mlserver` makes one that lies over the course's: it has the 29 packages which
# MLServer needs besides or otherwise, and sees all others, so MLflow and scikit-learn are the same as here; and it puts
# the program `mlserver` on your path. The first time needs the network and some 25 MB, after that there is nothing to do.
# (There is no MLServer for Python 3.13; `checker doctor` says which Python you have. With that one, you can do the lab in
# a `service.py`, as the contract says.)

# %% language="bash"
# infra tool mlserver

# %% [markdown]
# MLServer listens on three ports (HTTP, gRPC and metrics, by default 8080, 8081 and 8082, for all the network). Ports that
# are free, on this machine only, are better; all settings of the server can be given as variables `MLSERVER_...` or in a
# `settings.json`. With no parallel workers, the model lives in the server's own process.

# %%
import os
import socket
import tempfile

os.environ["PLACE"] = place = tempfile.mkdtemp(prefix="protocol-")


def free_ports():
    """Let MLServer listen on ports that nobody has."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for sock, name in ((one, "HTTP"), (two, "GRPC"), (three, "METRICS")):
            sock.bind(("127.0.0.1", 0))
            os.environ[f"MLSERVER_{name}_PORT"] = str(sock.getsockname()[1])
    return f"http://127.0.0.1:{os.environ['MLSERVER_HTTP_PORT']}"


os.environ |= {"MLSERVER_HOST": "127.0.0.1", "MLSERVER_PARALLEL_WORKERS": "0", "MLSERVER_DEBUG": "false"}
os.environ["PARCELS"] = free_ports()
print(os.environ["PARCELS"])

# %% [markdown]
# The tasks show the tools on something else: a model that says how many days a parcel takes.

# %% [markdown]
# ### Task 1: Describe the model, and write its runtime
#
# MLServer is a server for any model, and a **runtime** is what connects it to one kind of model: a class with `load()` and
# `predict()`. There are ready ones for scikit-learn, XGBoost, LightGBM, MLflow and Hugging Face. The one for scikit-learn
# reads pickles, and yours are stored as skops, since a pickle runs code when it is loaded; by default it answers with the
# class, and you want the score. So you write a runtime, some thirty lines.
#
# `model-settings.json` says which class it is, and is the **metadata**: what the model takes and gives. A client reads
# that instead of a wiki page, so it has to be true, and no program keeps it true for you.

# %% language="bash"
# mkdir -p "$PLACE/parcels"
# cd "$PLACE/parcels"
# cat > model-settings.json <<'END'
# {
#   "name": "parcels",
#   "implementation": "runtime.Parcels",
#   "platform": "rule",
#   "inputs": [
#     {"name": "km", "datatype": "FP64", "shape": [-1]},
#     {"name": "abroad", "datatype": "BOOL", "shape": [-1]}
#   ],
#   "outputs": [{"name": "days", "datatype": "FP64", "shape": [-1]}]
# }
# END
# cat > runtime.py <<'END'
# from mlserver import MLModel
# from mlserver.codecs import NumpyCodec
# from mlserver.types import InferenceResponse
#
#
# class Parcels(MLModel):
#     async def load(self):
#         self.per_km = 0.004
#         return True
#
#     async def predict(self, payload):
#         given = {tensor.name: NumpyCodec.decode_input(tensor).reshape(-1) for tensor in payload.inputs}
#         days = 1 + self.per_km * given["km"] + 3 * given["abroad"]
#         return InferenceResponse(
#             model_name=self.name,
#             model_version=self.version,
#             outputs=[NumpyCodec.encode_output("days", days)],
#         )
# END
# mlserver start . > parcels.log 2>&1 &
# echo $! > parcels.pid
# curl -s -o ready --retry 120 --retry-delay 1 --retry-all-errors "$PARCELS/v2/models/parcels/ready"
# curl -s "$PARCELS/v2/models/parcels"; echo
# curl -s "$PARCELS/v2/models/parcels/infer" --json '{"inputs": [
#     {"name": "km", "shape": [2], "datatype": "FP64", "data": [250, 3.5]},
#     {"name": "abroad", "shape": [2], "datatype": "BOOL", "data": [true, false]}]}'; echo

# %% [markdown]
# What is in a request: **named tensors**. Each has a name, a datatype (BOOL, INT8 to INT64, UINT8 to UINT64, FP16 to
# FP64, BYTES for texts), a shape, and its data in row-major order, flat or nested. There are no rows here: a table is sent
# column by column. That is more than JSON needs and just what a machine needs: the server knows how many bytes come
# before it reads them, and a binary form of the same request exists.
#
# **Your turn.** Write `model-settings.json` with the metadata of the contract, and `model.py` with a runtime `CardFraud`
# that loads the model from the folder that it is told, and answers. What does not fit is Task 3. The traps:
#
# - **By name.** Tensors have no order. Make a table, and take its columns in the order of `model.feature_names_in_`.
# - **[n] and [n, 1].** Both are a column; `reshape(-1)` makes one of either.
# - **No path and no version in the files.** `self.settings.parameters.uri` and `self.version` come from
#   `MLSERVER_MODEL_URI` and `MLSERVER_MODEL_VERSION`, unless `model-settings.json` says otherwise. KServe sets them too.
# - **A failing `load()` shall fail.** What it returns is the model's readiness.
#
# <details><summary>Hint</summary>
#
# - `"implementation": "model.CardFraud"`; any text as `platform`, such as `"sklearn"`.
# - `mlflow.sklearn.load_model(...)` in `load`; `self.model.predict_proba(table)[:, 1]` in `predict`.
# - `pandas.DataFrame` takes a dict of columns.
# - `predict` is a coroutine: while it computes, nobody else is answered. `await asyncio.to_thread(function, table)` lets
#   the server go on; so do parallel workers, which are processes.
# </details>

# %% nbgrader={"grade": false, "grade_id": "settings", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can write the files by hand and leave these cells as they are.
### BEGIN SOLUTION
from pathlib import Path

Path("model-settings.json").write_text("""\
{
  "name": "card-fraud",
  "implementation": "model.CardFraud",
  "platform": "sklearn",
  "inputs": [
    {"name": "amount", "datatype": "FP64", "shape": [-1]},
    {"name": "amount_to_usual", "datatype": "FP64", "shape": [-1]},
    {"name": "hour", "datatype": "INT64", "shape": [-1]},
    {"name": "weekday", "datatype": "INT64", "shape": [-1]},
    {"name": "is_foreign", "datatype": "INT64", "shape": [-1]},
    {"name": "card_present", "datatype": "INT64", "shape": [-1]},
    {"name": "category_code", "datatype": "INT64", "shape": [-1]},
    {"name": "transactions_24h", "datatype": "INT64", "shape": [-1]}
  ],
  "outputs": [{"name": "score", "datatype": "FP64", "shape": [-1]}]
}
""")
### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "runtime", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("model.py").write_text('''\
"""The card-fraud model as a runtime of MLServer."""

import asyncio

import mlflow.sklearn
import pandas as pd
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class CardFraud(MLModel):
    async def load(self):
        self.model = mlflow.sklearn.load_model(self.settings.parameters.uri)
        return True

    async def predict(self, payload):
        columns = {tensor.name: NumpyCodec.decode_input(tensor).reshape(-1) for tensor in payload.inputs}
        table = pd.DataFrame(columns)[list(self.model.feature_names_in_)]
        scores = await asyncio.to_thread(self.model.predict_proba, table)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output("score", scores[:, 1])],
        )
''')
### END SOLUTION

# %% [markdown]
# ### Task 2: Start it, and ask
#
# Three questions of health, and each has its own use:
#
# | path | it says | who asks |
# |---|---|---|
# | `/v2/health/live` | the server answers | Kubernetes, to restart it |
# | `/v2/health/ready` | all models are loaded | Kubernetes, to send traffic |
# | `/v2/models/NAME/ready` | this model is loaded | a client or a gateway, since a server may have many models |
#
# A version is part of the path where somebody needs a certain one: `/v2/models/NAME/versions/3/infer`. Without it, the
# server chooses (MLServer: the newest). Look at the parcels:

# %% language="bash"
# for path in health/live health/ready models/parcels/ready models/nobody/ready models/parcels/versions/7/ready; do
#     curl -s -o "$PLACE/answer" -w "%{http_code}  $path  " "$PARCELS/v2/$path"; cat "$PLACE/answer"; echo
# done
# curl -s "$PARCELS/v2"; echo

# %% [markdown]
# The next cell fetches the champion, as the platform would do before a start, and sets the variables.
#
# **Your turn.** Start MLServer in this folder, wait until the model is ready, look at its metadata, and ask it about two
# payments. If it ends by itself, the last lines of its log say why.
#
# <details><summary>Hint</summary>
#
# The same three commands as for the parcels, with `$SERVER` for the address. `load()` of a forest takes seconds, most of
# them for importing; `curl --retry ... --retry-all-errors` waits. After a change of your files: stop it with
# `kill $(cat ...)`, and start it again.
# </details>

# %%
import logging

import mlflow

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
logging.getLogger("mlflow").setLevel(logging.ERROR)

NAME = "day18-card-fraud"
champion = mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion")
os.environ["MLSERVER_MODEL_URI"] = mlflow.artifacts.download_artifacts(
    f"models:/{NAME}/{champion.version}", dst_path=f"{place}/model"
)
os.environ["MLSERVER_MODEL_VERSION"] = champion.version
os.environ["SERVER"] = server = free_ports()
print(os.environ["MLSERVER_MODEL_URI"], "is version", champion.version, "- it will answer at", server)

# %% language="bash" nbgrader={"grade": false, "grade_id": "start", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# mlserver start . > "$PLACE/server.log" 2>&1 &
# echo $! > "$PLACE/server.pid"
# curl -s -o "$PLACE/ready" --retry 180 --retry-delay 1 --retry-all-errors "$SERVER/v2/models/card-fraud/ready"
# curl -s "$SERVER/v2/models/card-fraud" | python -m json.tool --compact; echo
# ### END SOLUTION

# %% [markdown]
# ### Task 3: Refuse what does not fit
#
# MLServer checks that a request is one: JSON, inputs with a name, a shape, a datatype that exists, data. What does not
# pass gets 422. Now see what it does with requests that are well-formed, and wrong:

# %% language="bash"
# ask() {
#     curl -s -o answer -w "%{http_code}  $1  " "$PARCELS/v2/models/parcels/infer" --json "$2"
#     grep -oE '"data":[^}]*|"msg":"[^,]*|^Internal.*' answer
# }
# abroad='{"name": "abroad", "shape": [1], "datatype": "BOOL", "data": [false]}'
# km() { echo "{\"inputs\": [{\"name\": \"km\", \"shape\": [1], \"datatype\": \"$1\", \"data\": $2}, $abroad]}"; }
# cd "$PLACE/parcels"
# ask "250 km                  " "$(km FP64 '[250]')"
# ask "null                    " "$(km FP64 '[null]')"
# ask "a text that looks like 3" "$(km FP64 '["3"]')"
# ask "a text                  " "$(km FP64 '["far"]')"
# ask "3.9 as a whole number   " "$(km INT64 '[3.9]')"
# ask "two numbers for one row " "$(km FP64 '[250, 3]')"
# ask "no km at all            " "{\"inputs\": [$abroad]}"
# ask "datatype FLOAT          " "$(km FLOAT '[250]')"
# tail -n 1 parcels.log

# %% [markdown]
# Read them one by one. The status 500 for a client's mistake wakes somebody of your team at night, and tells the client
# nothing. Worse are the answers with 200: a null became NaN, which a scikit-learn forest takes without a word, a text was
# converted, and 3.9 became 3. **`numpy.array(data, dtype)` is no validation.** Each of these is a score for a payment that
# nobody made.
#
# An exception of the class `mlserver.errors.InferenceError` becomes the status 400 with `{"error": "..."}`, as the
# protocol wants it; any other becomes 500.
#
# **Your turn.** Look at the tensors before the model does: their names, each datatype against that of the metadata
# (`self.inputs` has them), the shape, the number of data, and each value by its type.
#
# <details><summary>Hint</summary>
#
# - A tensor has `name`, `shape` (a list), `datatype` (a text), and `data.root`, which is just what came in the JSON: look
#   at the values there, before a codec converts them.
# - `type(value) is int`, and not `isinstance`: `True` is an `int` as well.
# - `sorted(names) != sorted(wanted)` finds what is missing, unknown or there twice.
# - Say in the error which input it is, and what is expected; do not repeat what was sent.
# - Zero rows: scikit-learn raises a ValueError. Who sees it first, you or the client?
# </details>

# %% nbgrader={"grade": false, "grade_id": "fitting", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("fitting.py").write_text('''\
"""Whether the tensors of a request fit the metadata, and what is in them."""

from mlserver.errors import InferenceError

NUMBERS = {"FP64": (int, float), "INT64": (int,)}
LEAST, MOST = -(2**63), 2**63 - 1


def columns_of(payload, inputs):
    """Return the numbers of each input by its name; what does not fit is an InferenceError, which is a status of 400."""
    wanted = {each.name: each.datatype for each in inputs}
    names = [tensor.name for tensor in payload.inputs]
    if sorted(names) != sorted(wanted):
        raise InferenceError(f"the inputs are {', '.join(wanted)}, each once")
    columns = {tensor.name: column(tensor, wanted[tensor.name]) for tensor in payload.inputs}
    if len({len(each) for each in columns.values()}) != 1:
        raise InferenceError("all inputs have the same number of rows")
    return columns


def column(tensor, datatype):
    if tensor.datatype != datatype:
        raise InferenceError(f"the datatype of {tensor.name} is {datatype}")
    rows, *others = tensor.shape or [0]
    if rows < 1 or others not in ([], [1]):
        raise InferenceError(f"the shape of {tensor.name} is [n] or [n, 1], with a row at least")
    numbers = list(flat(tensor.data.root))
    if len(numbers) != rows:
        raise InferenceError(f"{tensor.name} has {len(numbers)} numbers for {rows} rows")
    for number in numbers:
        if type(number) not in NUMBERS[datatype] or (datatype == "INT64" and not LEAST <= number <= MOST):
            raise InferenceError(f"the data of {tensor.name} are not {datatype}")
    return [float(number) for number in numbers] if datatype == "FP64" else numbers


def flat(data):
    if not isinstance(data, list):
        raise InferenceError("the data of a tensor are a list")
    for each in data:
        if isinstance(each, list):
            yield from flat(each)
        else:
            yield each
''')
text = Path("model.py").read_text()
text = text.replace("from mlserver import MLModel", "from fitting import columns_of\nfrom mlserver import MLModel")
decoded = "{tensor.name: NumpyCodec.decode_input(tensor).reshape(-1) for tensor in payload.inputs}"
Path("model.py").write_text(text.replace(decoded, "columns_of(payload, self.inputs)"))
### END SOLUTION

# %% language="bash" nbgrader={"grade": false, "grade_id": "misfits", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# kill "$(cat "$PLACE/server.pid")"
# while curl -s -o "$PLACE/live" "$SERVER/v2/health/live"; do sleep 0.2; done
# mlserver start . > "$PLACE/server.log" 2>&1 &
# echo $! > "$PLACE/server.pid"
# curl -s -o "$PLACE/ready" --retry 180 --retry-delay 1 --retry-all-errors "$SERVER/v2/models/card-fraud/ready"
# whole='"shape": [1], "datatype": "INT64", "data": [1]'
# rest=""
# for name in hour weekday is_foreign card_present category_code transactions_24h; do
#     rest="$rest, {\"name\": \"$name\", $whole}"
# done
# usual='{"name": "amount_to_usual", "shape": [1], "datatype": "FP64", "data": [1.2]}'
# for data in '[25.5]' '[null]' '["25.5"]' '[25.5, 1]' '[]'; do
#     curl -s -w "  %{http_code}  for $data\n" "$SERVER/v2/models/card-fraud/infer" --json \
#         "{\"inputs\": [{\"name\": \"amount\", \"shape\": [1], \"datatype\": \"FP64\", \"data\": $data}, $usual$rest]}"
# done
# ### END SOLUTION

# %% [markdown]
# ### Task 4: A client that knows nothing
#
# Here is what the effort is for. This client has never heard of parcels: it reads the metadata, and encodes any table for
# any server of the protocol.

# %%
import httpx
import pandas as pd

KINDS = {"FP64": float, "FP32": float, "INT64": int, "INT32": int, "BOOL": bool, "BYTES": str}


def infer(address, model, table):
    """Ask a model about the rows of a table, column by column as its metadata want them."""
    with httpx.Client(timeout=60) as client:
        described = client.get(f"{address}/v2/models/{model}").raise_for_status().json()
        inputs = []
        for each in described["inputs"]:
            kind = KINDS[each["datatype"]]
            data = [kind(value) for value in table[each["name"]]]
            inputs.append({"name": each["name"], "datatype": each["datatype"], "shape": [len(data)], "data": data})
        answer = client.post(f"{address}/v2/models/{model}/infer", json={"inputs": inputs}).raise_for_status().json()
    return {each["name"]: each["data"] for each in answer["outputs"]} | {"version": answer.get("model_version")}


print(infer(os.environ["PARCELS"], "parcels", pd.DataFrame({"km": [250, 3.5, 900], "abroad": [True, False, True]})))

# %% [markdown]
# **Your turn.** Ask your server with it about a hundred payments of `data/payments.csv`, and compare the answer with what
# `mlflow.sklearn.load_model(...).predict_proba` says of them: the largest difference should be nearly 0, also when the
# columns of the table stand in another order. Then stop the server, change a datatype in `model-settings.json`, start it again, and see
# what becomes of this client. (Change it back.)
#
# <details><summary>Hint</summary>
#
# `infer(server, "card-fraud", payments)`; the label `is_fraud` is not among the inputs, so the client leaves it out.
# </details>

# %% nbgrader={"grade": false, "grade_id": "client", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
payments = pd.read_csv("data/payments.csv").head(100)
answer = infer(server, "card-fraud", payments)
model = mlflow.sklearn.load_model(os.environ["MLSERVER_MODEL_URI"])
alone = model.predict_proba(payments[list(model.feature_names_in_)].astype({"amount": float, "amount_to_usual": float}))
print("version", answer["version"], "- largest difference:", abs(alone[:, 1] - answer["score"]).max())
### END SOLUTION

# %% [markdown]
# ### Task 5: A manifest for a cluster
#
# **KServe** makes a service of a model on Kubernetes from one object, an `InferenceService`. You say which model, of which
# format, with which protocol; a **serving runtime**, which somebody installed once for all teams, says which server that
# is. Its parts:
#
# - The **predictor** is the model server. A **transformer** before it turns raw input into tensors (features looked up,
#   images decoded), an **explainer** beside it says why. Each is a container of its own, and they speak the protocol with
#   each other.
# - The **storage initializer** runs before the server, and puts what `storageUri` names into `/mnt/models`. So the server
#   never speaks with the registry, and an image serves many models.
# - In **Standard** mode the controller makes plain Deployments, Services and autoscalers. In **Knative** mode it makes
#   services that scale to zero, and needs Knative and a mesh beside it. Begin with Standard.
#
# The parcels would have this one, if they were a scikit-learn pickle in a bucket:
#
# ```yaml
# apiVersion: serving.kserve.io/v1beta1
# kind: InferenceService
# metadata:
#   name: parcels
#   namespace: logistics
# spec:
#   predictor:
#     minReplicas: 1
#     maxReplicas: 3
#     model:
#       modelFormat: {name: sklearn}
#       protocolVersion: v2
#       runtime: kserve-mlserver
#       storageUri: s3://models/parcels/2026-10-01
#       env: [{name: LANG, value: C.UTF-8}]
#       volumeMounts: [{name: tables, mountPath: /mnt/tables}]
#     volumes: [{name: tables, configMap: {name: parcel-tables}}]
# ```
#
# The course's cluster has a runtime `mlops-labs-mlserver` for the format `mlflow`: MLServer with the very packages that
# you have here. It starts in `/mnt/code`, where your files are expected as a ConfigMap, with `MLSERVER_MODEL_URI` set to
# `/mnt/models`; and its storage initializer knows MLflow's own addresses, `models:/NAME/VERSION`. Which version that is,
# only the manifest knows: MLServer learns it from a variable in the model's `env`.
#
# **Your turn.** Write `isvc.yaml` for the InferenceService `card-fraud-v2` in the namespace `mlops-labs-serving`, with the
# champion. An address with `@champion` would work, too, and is a trap: the pod that starts tomorrow would load what the
# alias means tomorrow, and two copies might differ, with nothing in git to show for it. Name the version by its number.
#
# <details><summary>Hint</summary>
#
# The champion's number is in `champion.version`. A ConfigMap's name is yours to choose, for example `card-fraud-code`; the
# volume and its mount have the same `name`. `kubectl create configmap NAME --from-file=FILE --from-file=FILE` makes one.
# </details>

# %% nbgrader={"grade": false, "grade_id": "manifest", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("isvc.yaml").write_text(f"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: card-fraud-v2
  namespace: mlops-labs-serving
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 1
    model:
      modelFormat: {{name: mlflow}}
      protocolVersion: v2
      runtime: mlops-labs-mlserver
      storageUri: models:/{NAME}/{champion.version}
      env: [{{name: MLSERVER_MODEL_VERSION, value: "{champion.version}"}}]
      volumeMounts: [{{name: code, mountPath: /mnt/code}}]
    volumes: [{{name: code, configMap: {{name: card-fraud-code}}}}]
""")
### END SOLUTION

# %% [markdown]
# **On a cluster** (`infra up --profile kind --overlay full`; the cell does nothing elsewhere). Make the ConfigMap of your
# files, apply the manifest, and wait. `kubectl describe` shows the conditions of an InferenceService, and the events say
# what went wrong. The router's address leads to it: `$MLOPS_LABS_SERVING_URL/card-fraud-v2/v2/...`. So the client of
# Task 4 can ask it without a change, and that is the whole point of today.

# %% language="bash" nbgrader={"grade": false, "grade_id": "cluster", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# if [ "$MLOPS_LABS_OVERLAY" = full ]; then
#     here() { kubectl --namespace mlops-labs-serving "$@"; }
#     here create configmap card-fraud-code --from-file=model-settings.json --from-file=model.py --from-file=fitting.py \
#         --dry-run=client -o yaml | here apply --server-side -f -
#     here apply --server-side -f isvc.yaml
#     here wait --for=condition=Ready inferenceservice/card-fraud-v2 --timeout=300s
#     curl -s "$MLOPS_LABS_SERVING_URL/card-fraud-v2/v2/models/card-fraud"; echo
# else
#     echo "no cluster with KServe here"
# fi
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# MLServer counts by itself, at the metrics port. These are the parcels' numbers, with one counter for each outcome of
# inference and a summary of its seconds; day 22 makes alerts of such. Look at the successes: the answers of Task 3 that
# made no sense are among them.

# %% language="bash"
# python - <<'END'
# import os, pathlib, re
# log = pathlib.Path(os.environ["PLACE"], "parcels/parcels.log").read_text()
# print(re.findall(r"http://\S+/metrics", log)[-1], file=open(os.environ["PLACE"] + "/metrics", "w"))
# END
# curl -s "$(cat "$PLACE/metrics")" | grep -E "^model_infer_request_(success|failure|duration)_(total|sum|count)"

# %% [markdown]
# **Adaptive batching.** A model on a GPU, or a forest, takes nearly as long for one row as for thirty. With
# `"max_batch_size"` and `"max_batch_time"` in `model-settings.json`, MLServer holds requests back for a moment, and puts
# those which came together into one call of `predict`: more throughput for some more latency. The plot shows why it pays:
# seconds for each row, by the number of rows in a request. (Is there a server in `server`? Then it is yours, else the
# parcels'.)

# %%
import time

import matplotlib.pyplot as plt

try:
    table, address, asked = payments, server, "card-fraud"
    infer(address, asked, table.head(1))
except Exception:
    table, address, asked = pd.DataFrame({"km": [3.0] * 100, "abroad": [True] * 100}), os.environ["PARCELS"], "parcels"
sizes, each_row = [1, 3, 10, 30, 100], []
for size in sizes:
    began = time.perf_counter()
    for _ in range(3):
        infer(address, asked, table.head(size))
    each_row.append((time.perf_counter() - began) / 3 / size * 1000)
figure, axis = plt.subplots(figsize=(6, 3.5))
axis.loglog(sizes, each_row, marker="o")
axis.set(title=f"What a row costs: {asked}", xlabel="rows in a request", ylabel="milliseconds for each row")
plt.show()

# %% language="bash"
# for name in parcels/parcels server; do test -f "$PLACE/$name.pid" && kill "$(cat "$PLACE/$name.pid")"; done; true

# %% [markdown]
# ## Check
#
# The checker starts your repository three times, with the champion, with a model that you have not seen, and with one that
# cannot be loaded, and asks for some seconds. In a terminal: `checker grade 18`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** With adaptive batching switched on, one client sends amounts as texts now and then. Other clients, whose requests
# are right, get an error at the same moment. How can that be, and where would you mend it?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Batching joins the tensors of several requests into one payload and calls `predict` once. A request that is refused there
# refuses the whole batch: whoever came together with it gets its error, although nothing was wrong with theirs. So what is
# wrong with a request has to be found before requests are joined: in a transformer or a gateway in front that validates
# against the metadata, in the server's request handling or a custom endpoint, or else the batch has to be taken apart
# again when it fails (repeat the requests one by one). The same holds for a request with very many rows: it makes
# neighbours wait. The strict form of the protocol, datatypes and shapes, is what allows joining at all.
#
# **Rubric** 1 mark for seeing that one `predict` stands for several requests, so that its error is everybody's. 1 mark for
# a place before the joining (or for taking the batch apart), with a reason.

# %% [markdown]
# **2.** The team of credit risk wants to replace its model by one that takes a ninth input. Its clients belong to four
# other teams. What of this does the protocol help with, what not, and in which order would you change things?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The protocol settles how inputs are named, typed and found out: metadata say that there is a ninth, a client which reads
# them sees it, and versions in the path allow both models to be served side by side. It says nothing about meaning (what
# the ninth number is, in which unit), about compatibility, or where a client takes the value from. So: serve the new
# version beside the old one, under `/versions/N` or under a new model name, with the old one as default; let clients
# change one after the other, and count who still asks the old one; then move the default, and switch the old one off.
# Or put a transformer in front which looks the ninth value up (a feature store), and no client has to change. An optional
# input with a default in the model is possible, but hides who does not send it.
#
# **Rubric** 1 mark for what the protocol does (names, types, metadata, versions side by side) and does not (meaning,
# values, compatibility). 1 mark for an order in which at no time a client is broken.

# %% [markdown]
# ## Go further
#
# **V1 and V2.** You will meet the older protocol, too; TensorFlow Serving brought it, and KServe speaks both:
#
# | | V1 | V2, the Open Inference Protocol |
# |---|---|---|
# | path | `POST /v1/models/NAME:predict` | `POST /v2/models/NAME[/versions/V]/infer` |
# | body | `{"instances": [...]}`: any JSON, row by row | named tensors with datatype and shape, column by column |
# | answer | `{"predictions": [...]}` | named tensors, the model's name and version, the request's id |
# | metadata | none that says what goes in | inputs, outputs, platform |
# | health | `GET /v1/models/NAME` | live, ready, and ready for each model |
# | gRPC | no | yes, with the same tensors in binary |
# | explain | `:explain` | not in the protocol |
#
# V1 is easier to write by hand, and enough for one team. V2 pays where clients, gateways and servers belong to different
# people. For language models neither fits well: they speak the API of OpenAI (`/v1/chat/completions`), streaming, and so
# does KServe for them.
#
# **gRPC.** The second port speaks the same protocol over HTTP/2 with protocol buffers: less to parse, binary tensors,
# streams. For eight numbers it makes no difference that you would notice; for images it is the difference. Triton and
# others also take binary tensors over REST, as an extension.
#
# **Other servers.**
#
# | tool | what it gives you | what it does not | take it when |
# |---|---|---|---|
# | MLServer, as today | the protocol for Python models, runtimes for the usual libraries, adaptive batching, parallel workers, Apache 2.0 | validation against your metadata; a fast pace of releases; Python 3.13 | scikit-learn, XGBoost and your own Python behind V2 |
# | NVIDIA Triton | V2 over REST and gRPC (it is where V2 comes from), many frameworks on one GPU, dynamic batching, ensembles, validation of tensors against `config.pbtxt` | scikit-learn as it is: only by way of ONNX, Treelite (FIL) or its Python backend; a small image | GPUs that must be used well, high rates |
# | KServe | the object on Kubernetes: storage, scaling, revisions, runtimes of your choice; part of the CNCF since 2025 | anything without Kubernetes; canaries by weight need Knative or a gateway | a platform team that serves many others |
# | Seldon Core 2 | pipelines of models over Kafka, experiments, MLServer and Triton as servers, V2 throughout | a free licence for production: since January 2024 it is under the Business Source License, and so are Alibi Explain and Alibi Detect; MLServer stayed Apache 2.0 | its data flow is what you need, and the licence is paid for |
# | BentoML | services as classes, an image from one command, day 12 | V2 by itself | one team that owns client and server |
# | OpenVINO Model Server | V2 and TensorFlow's API in C++ on Intel's processors | your own Python, but for its graphs | vision models on CPUs |
# | TorchServe | spoke V1 and V2 for PyTorch | a future: its repository was archived in 2025 | not for anything new |
#
# **What a big installation does differently.** The tensors' description is generated from the model's signature in the
# registry (MLflow has it: names, types, shapes), and a test compares the two on every release. A gateway validates against
# the metadata, limits sizes and rates, and writes inputs and outputs to a stream, which is possible for all models at once
# because all speak one protocol. Feature lookup is a transformer. Clients are generated, or are one library.
#
# Try one of these:
#
# 1. Set `"max_batch_size": 32, "max_batch_time": 0.02`, and ask with thirty threads, with and without. What of the median,
#    what of the rate?
# 2. Ask over gRPC: the environment of MLServer has `tritonclient`, which needs its part for gRPC only in addition. It
#    speaks with MLServer, although it was written for Triton.
# 3. Fill `self.inputs` in `load()` from the model's own signature (`mlflow.models.Model.load(uri).signature`), and take
#    the inputs out of `model-settings.json`. What can then no longer get out of step?
# 4. Put two versions into the repository, each in a folder with a `model-settings.json` of its own and a `version` in its
#    `parameters`. Who answers `/v2/models/card-fraud/infer`?
