"""Which version of a registered model an order means."""

from __future__ import annotations

from infra.deployments import MODEL, Order, Registered
from infra.trouble import Trouble


def resolve(order: Order, mlflow_url: str) -> Registered:
    """The version that an alias stands for now: a release keeps its version when the alias moves on.

    Raises:
        Trouble: the registry has no such version, or does not answer.
    """
    import httpx

    found = MODEL.fullmatch(order.model or "")
    name, alias, version = found.group("name", "alias", "version") if found else ("", None, None)
    path = "registered-models/alias" if alias else "model-versions/get"
    asked = {"name": name, "alias": alias} if alias else {"name": name, "version": version}
    if not alias and not version:
        raise Trouble(
            found=f"{order.model}, without an alias or a version",
            expected="models:/NAME@ALIAS or models:/NAME/VERSION",
            next_step=f"infra deploy {order.name} --model {order.model}@champion",
        )
    try:
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.get(f"{mlflow_url}/api/2.0/mlflow/{path}", params=asked)
            said = answer.json()
            if answer.status_code == 200:
                return Registered(name, str(said["model_version"]["version"]))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Trouble(
            found=f"MLflow did not say which version {order.model} is: {type(error).__name__}",
            expected="an answer of its registry",
            next_step="infra status",
        ) from error
    reason = str(said.get("message", "")) if isinstance(said, dict) else ""
    raise Trouble(
        found=f"{order.model} is not in the registry" + (f": {reason}" if reason else ""),
        expected="a registered model with this alias or version",
        next_step=f"look at {mlflow_url}/#/models",
    )
