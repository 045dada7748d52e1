"""A repository of several folders: pandas' codec, metadata that are filled in at load time, several objects of YAML."""

from pathlib import Path

from _server import champion, hand_over

hand_over()
folder = Path("models", "fraud")
folder.mkdir(parents=True)
(folder / "model-settings.json").write_text("""{"name": "card-fraud", "implementation": "serving.rt.Runtime",
  "platform": "mlflow", "versions": ["v1"], "parameters": {"content_type": "pd"}}""")
(folder / "serving").mkdir()
(folder / "serving" / "__init__.py").write_text("")
Path("settings.json").write_text('{"server_name": "bank", "debug": false, "parallel_workers": 3, "extensions": ["x"]}')
(folder / "serving" / "rt.py").write_text("""\
import mlflow.pyfunc
import numpy as np
from mlserver import MLModel, types
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.errors import MLServerError

KINDS = {"double": "FP64", "long": "INT64"}


class Runtime(MLModel):
    async def load(self) -> bool:
        self._loaded = mlflow.pyfunc.load_model(self._settings.parameters.uri)
        columns = self._loaded.metadata.signature.inputs.inputs
        self.inputs = [
            types.MetadataTensor(name=each.name, datatype=KINDS[each.type.name], shape=[-1, 1]) for each in columns
        ][::-1]
        self.outputs = [types.MetadataTensor(name="score", datatype="FP64", shape=[-1, 1])]
        return True

    def check(self, tensor, expected):
        # Once through NumPy without a wanted type: what is mixed or no number becomes another type.
        values = np.array(tensor.data.root) if isinstance(tensor.data.root, list) else np.array(None)
        kinds = "if" if expected.datatype == "FP64" else "i"
        shape = tuple(tensor.shape)
        length = shape[0] if shape else 0
        return (
            tensor.datatype == expected.datatype
            and values.dtype.kind in kinds
            and values.size == length > 0
            and shape in ((length,), (length, 1))
        )

    async def predict(self, payload: types.InferenceRequest) -> types.InferenceResponse:
        known = dict(self._inputs_index)
        lengths = set()
        for tensor in payload.inputs:
            expected = known.pop(tensor.name, None)
            try:
                fits = expected is not None and self.check(tensor, expected)
            except ValueError:
                fits = False
            if not fits:
                raise MLServerError("an input does not fit the metadata", 422)
            tensor.shape, tensor.data = [tensor.shape[0]], types.TensorData(np.ravel(tensor.data.root).tolist())
            lengths.add(tensor.shape[0])
        if known or len(lengths) != 1:
            raise MLServerError("eight inputs of one length are wanted", 422)
        frame = PandasCodec.decode_request(types.InferenceRequest(inputs=payload.inputs))
        scores = self._loaded.predict(frame)[:, 1]
        out = NumpyCodec.encode_output(name="score", payload=np.asarray(scores).reshape(-1, 1))
        extra = NumpyCodec.encode_output(name="alarm", payload=scores > 0.5)
        return types.InferenceResponse(
            id=payload.id, model_name=self.name, model_version=self.version, outputs=[extra, out]
        )
""")
Path("isvc.yaml").write_text(f"""\
# The code is made by hand: kubectl create configmap code --from-file=models/fraud
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data: {{}}
---
apiVersion: "serving.kserve.io/v1beta1"
kind: "InferenceService"
metadata:
  name: "card-fraud-v2"
  labels: {{team: fraud}}
spec:
  predictor:
    volumes:
      - name: other
        emptyDir: {{}}
      - configMap:
          name: code
        name: everything
    model:
      storageUri: "models:/day18-card-fraud/{champion()}"
      protocolVersion: v2
      modelFormat:
        name: mlflow
        version: "3"
      volumeMounts:
        - mountPath: /mnt/code/
          name: everything
          readOnly: true
""")
