"""MlflowClient alone: runs and logged models are created, filled and finished by hand, with no active run."""

import tempfile

import mlflow
from _tracking import EXPERIMENT, NEEDS, mark, split, tables, train_data, tree
from mlflow.entities import DatasetInput, InputTag, LoggedModelOutput
from sklearn.metrics import f1_score

train, valid = tables()
X, y = split(train)
client = mlflow.MlflowClient()
experiment = client.create_experiment(EXPERIMENT)
scores = {}
for depth in (3, 5, 7):
    run = client.create_run(experiment, run_name=f"client-{depth}")
    run_id = run.info.run_id
    model = tree(depth).fit(X.to_numpy(), y)
    client.log_param(run_id, "max_depth", depth)
    data = train_data(X, targets=None)._to_mlflow_entity()
    client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    scores[run_id] = f1_score(valid["is_fraud"], model.predict(split(valid)[0].to_numpy()))
    client.log_metric(run_id, "valid_f1", round(scores[run_id], 4))
    logged = client.create_logged_model(experiment, name=f"tree-{depth}", source_run_id=run_id)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(
            model,
            f"{folder}/model",
            signature=mlflow.models.infer_signature(X, y),
            serialization_format="cloudpickle",
            pip_requirements=NEEDS,
        )
        client.log_model_artifacts(logged.model_id, f"{folder}/model")
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    client.set_terminated(run_id)
mark(max(scores, key=scores.get))
