"""What labs ask of the manifest of an InferenceService of KServe, before any cluster sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checker.evidence.foreign import ForeignText, mapping, parse_yaml, sequence
from checker.text import clean

API, KIND = "serving.kserve.io/v1beta1", "InferenceService"
NAMESPACE = "mlops-labs-serving"
FORMAT, PROTOCOL, RUNTIME, CODE = "mlflow", "v2", "mlops-labs-mlserver", "/mnt/code"
BEGINNING = re.compile(r"^(?=---(?:[ \t]|$))", re.MULTILINE)
MOST = 10
NUMBERED = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>[0-9]+)")


@dataclass(frozen=True)
class Wrong:
    """What is not as it should be in a manifest."""

    found: str
    expected: str


def documents(text: str) -> list[dict[str, Any]]:
    """Return the objects of a file of YAML.

    Raises:
        ForeignText: one of its documents cannot be read, or there are too many.
    """
    parts = [part for part in BEGINNING.split(text) if part.strip()]
    if len(parts) > MOST:
        raise ForeignText(f"{len(parts)} documents of YAML", f"at most {MOST}")
    return [mapping(parse_yaml(part)) for part in parts]


def services(text: str) -> list[dict[str, Any]]:
    """Return the InferenceServices in a file; raises as `documents` does."""
    return [each for each in documents(text) if each.get("kind") == KIND]


def at(value: Any, *path: str) -> Any:
    """Return what lies at a path of names, None where nothing does."""
    for name in path:
        value = mapping(value).get(name)
    return value


def wrong_in(service: dict[str, Any], name: str) -> Iterator[Wrong]:
    """Yield what keeps a manifest from being that of the service `name`; which model it serves is another question."""
    model = ("spec", "predictor", "model")
    for path, wanted, needed in (
        (("apiVersion",), API, True),
        (("metadata", "name"), name, True),
        (("metadata", "namespace"), NAMESPACE, False),
        ((*model, "modelFormat", "name"), FORMAT, True),
        ((*model, "protocolVersion"), PROTOCOL, True),
        ((*model, "runtime"), RUNTIME, False),
    ):
        found = at(service, *path)
        if found != wanted and (needed or found is not None):
            where = ".".join(path)
            told = f"no `{where}`" if found is None else f"`{where}: {clean(found, 60)}`"
            yield Wrong(told, f"`{where}: {wanted}`" + ("" if needed else ", or none"))
    yield from _wrong_code(service)


def _wrong_code(service: dict[str, Any]) -> Iterator[Wrong]:
    mounts = sequence(at(service, "spec", "predictor", "model", "volumeMounts"))
    mounted = {each.get("name") for each in map(mapping, mounts) if str(each.get("mountPath")).rstrip("/") == CODE}
    if not mounted:
        yield Wrong(
            f"nothing is mounted at `{CODE}`",
            f"in `spec.predictor.model.volumeMounts` an entry with `mountPath: {CODE}`: the runtime starts there",
        )
        return
    volumes = map(mapping, sequence(at(service, "spec", "predictor", "volumes")))
    named = [at(each, "configMap", "name") for each in volumes if each.get("name") in mounted]
    if not any(isinstance(each, str) and each for each in named):
        yield Wrong(
            f"the volume that is mounted at `{CODE}` is not a ConfigMap of `spec.predictor.volumes`",
            "there a volume of the same name, with `configMap: {name: ...}`",
        )


def served(service: dict[str, Any]) -> tuple[str, str] | None:
    """Return the name and the version of the registered model that is served; None where no version is named."""
    uri = at(service, "spec", "predictor", "model", "storageUri")
    found = NUMBERED.fullmatch(uri) if isinstance(uri, str) else None
    return (found["name"], found["version"]) if found else None
