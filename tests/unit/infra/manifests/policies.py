"""What must be true of every object that a cluster gets: each policy yields what breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.unit.infra.manifests.exceptions import AWAITING_A_DIGEST
from tests.unit.infra.manifests.rendering import (
    COURSE_IMAGE,
    Object,
    Pod,
    named,
    namespace,
    pods,
    quantity,
    selects,
)

# (who breaks it, how)
Findings = Iterator[tuple[str, str]]
Policy = Callable[[list[Object]], Findings]
DIGEST = re.compile(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9._/-]+:[A-Za-z0-9][\w.-]*@sha256:[0-9a-f]{64}")
OWN = re.compile(COURSE_IMAGE + r":[\w.-]+")
CLUSTER_SCOPED = {
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "RuntimeClass",
    "PriorityClass",
    "PersistentVolume",
    "StorageClass",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ClusterServingRuntime",
    "ClusterStorageContainer",
}
STANDARD = {"default", "kube-system"}
WRITERS = {"*", "create", "update", "patch", "delete", "deletecollection", "escalate", "bind", "impersonate"}


def images_by_digest(objects: list[Object]) -> Findings:
    """Every image is pinned by digest; only our own, which no registry has, is never pulled at all."""
    for pod in pods(objects):
        for each in pod.containers:
            image = each.get("image", "")
            if OWN.fullmatch(image):
                if each.get("imagePullPolicy") != "Never":
                    yield pod.title, f"{each['name']} may pull {image} from somewhere"
            elif not DIGEST.fullmatch(image) and image not in AWAITING_A_DIGEST:
                yield pod.title, f"{each['name']} has the image {image}"


def restricted(objects: list[Object]) -> Findings:
    """No pod is root, privileged, able to gain rights, or near the host."""
    for pod in pods(objects):
        security = pod.spec.get("securityContext", {})
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(key):
                yield pod.title, f"has {key}"
        if any("hostPath" in volume for volume in pod.spec.get("volumes", [])):
            yield pod.title, "mounts a path of the host"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield pod.title, "has not the seccomp profile RuntimeDefault"
        for each in pod.containers:
            own = each.get("securityContext", {})
            user = own.get("runAsUser", security.get("runAsUser"))
            if not own.get("runAsNonRoot", security.get("runAsNonRoot")):
                yield pod.title, f"{each['name']} may be root"
            if not isinstance(user, int) or isinstance(user, bool) or user == 0:
                yield pod.title, f"{each['name']} names no user by number"
            if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
                yield pod.title, f"{each['name']} may gain rights"
            capabilities = own.get("capabilities", {})
            if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
                yield pod.title, f"{each['name']} keeps capabilities"


def read_only_root(objects: list[Object]) -> Findings:
    """No container writes to its own image."""
    for pod in pods(objects):
        for each in pod.containers:
            if each.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
                yield pod.title, f"{each['name']} may write to its root"


def bounded(objects: list[Object]) -> Findings:
    """Memory is promised in full and limited; processors are asked for and shared."""
    for pod in pods(objects):
        for each in pod.containers:
            resources = each.get("resources", {})
            requests, limits = resources.get("requests", {}), resources.get("limits", {})
            if "memory" not in limits or requests.get("memory") != limits["memory"]:
                yield pod.title, f"{each['name']} has not the same request and limit of memory"
            if "cpu" not in requests:
                yield pod.title, f"{each['name']} asks for no processor"
            if "cpu" in limits:
                yield pod.title, f"{each['name']} is slowed down even on an idle machine"
        for volume in pod.spec.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield pod.title, f"the volume {volume['name']} has no end"


def probed(objects: list[Object]) -> Findings:
    """What goes on running says when it is up, when it can be asked, and when it hangs."""
    for pod in pods(objects):
        if pod.owner["kind"] in {"Job", "CronJob"}:
            continue
        for each in pod.main:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe not in each:
                    yield pod.title, f"{each['name']} has no {probe}"
                    continue
                port = each[probe].get("httpGet", each[probe].get("tcpSocket", {})).get("port")
                if isinstance(port, str) and port not in pod.ports:
                    yield pod.title, f"{each['name']}: {probe} asks the port `{port}`, which nobody has"


def no_token(objects: list[Object]) -> Findings:
    """Only a pod whose ServiceAccount has rights gets its token."""
    accounts = {
        (subject.get("namespace"), subject["name"])
        for each in objects
        if each["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        for subject in each.get("subjects", [])
        if subject["kind"] == "ServiceAccount"
    }
    for pod in pods(objects):
        has = pod.spec.get("automountServiceAccountToken")
        if (pod.namespace, pod.spec.get("serviceAccountName")) in accounts:
            continue
        if has is not False:
            yield pod.title, "gets a token that it does not need"
    for each in objects:
        if each["kind"] == "ServiceAccount" and each.get("automountServiceAccountToken") is not False:
            yield named(each), "gives its token to whoever forgets to refuse it"


def least_rights(objects: list[Object]) -> Findings:
    """No role has wildcards, reads Secrets or gives rights."""
    for each in objects:
        if each["kind"] not in {"Role", "ClusterRole"}:
            continue
        for rule in each.get("rules", []):
            words = {*rule.get("apiGroups", []), *rule.get("resources", []), *rule.get("verbs", [])}
            if "*" in words:
                yield named(each), "has a wildcard"
            if "secrets" in rule.get("resources", []):
                yield named(each), "reads Secrets"
            if set(rule.get("verbs", [])) & {"escalate", "bind", "impersonate"}:
                yield named(each), "may give itself rights"
            if each["kind"] == "ClusterRole" and set(rule.get("verbs", [])) & WRITERS:
                yield named(each), "writes in every namespace"


def services_lead_somewhere(objects: list[Object]) -> Findings:
    """A Service selects pods, and each of its ports is one that they have."""
    for each in objects:
        if each["kind"] != "Service" or "selector" not in each["spec"]:
            continue
        chosen = [
            pod
            for pod in pods(objects)
            if pod.namespace == namespace(each) and selects({"matchLabels": each["spec"]["selector"]}, pod.labels)
        ]
        if len(chosen) != 1:
            yield named(each), f"leads to {len(chosen)} workloads"
            continue
        numbers = set(chosen[0].ports.values())
        for port in each["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if target not in chosen[0].ports and target not in numbers:
                yield named(each), f"leads to the port {target}, which {chosen[0].title} has not"


def selectors_match(objects: list[Object]) -> Findings:
    """A workload selects the pods that it makes, and nobody else's."""
    for pod in pods(objects):
        if pod.owner["kind"] in {"Job", "CronJob"}:
            continue
        selector = pod.owner["spec"]["selector"]
        if not selects(selector, pod.labels) or not selector.get("matchLabels"):
            yield pod.title, "does not select its own pods"
        for other in pods(objects):
            if other.title != pod.title and other.namespace == pod.namespace and selects(selector, other.labels):
                yield pod.title, f"selects the pods of {other.title} as well"


def mounts_match(objects: list[Object]) -> Findings:
    """What is mounted is a volume, and each volume is mounted."""
    for pod in pods(objects):
        claims = {each["metadata"]["name"] for each in pod.owner["spec"].get("volumeClaimTemplates", [])}
        volumes = {each["name"] for each in pod.spec.get("volumes", [])} | claims
        mounted = {mount["name"] for each in pod.containers for mount in each.get("volumeMounts", [])}
        for name in mounted - volumes:
            yield pod.title, f"mounts {name}, which is no volume"
        for name in volumes - mounted:
            yield pod.title, f"never mounts {name}"


def references(pod: Pod) -> Iterator[tuple[str, str, str | None]]:
    """(kind, name, key) of each ConfigMap and Secret that a pod cannot start without."""
    sources = [source for volume in pod.spec.get("volumes", []) for source in (volume, *_projected(volume))]
    for source in sources:
        for key, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            found = source.get(key)
            if found is None or found.get("optional"):
                continue
            called = found.get(name) or found["name"]
            for item in found.get("items") or [{"key": None}]:
                yield kind, called, item["key"]
    for each in pod.containers:
        for variable in each.get("env", []):
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                found = variable.get("valueFrom", {}).get(key)
                if found and not found.get("optional"):
                    yield kind, found["name"], found["key"]
        for source in each.get("envFrom", []):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source and not source[key].get("optional"):
                    yield kind, source[key]["name"], None


def _projected(volume: Object) -> list[Object]:
    return list(volume.get("projected", {}).get("sources", []))


def references_exist(objects: list[Object]) -> Findings:
    """Each ConfigMap, Secret and ServiceAccount that a pod names is there, with the key that it wants."""
    from infra.kind.secrets import TABLE

    there: dict[tuple[str, str, str], set[str]] = {}
    for wanted in TABLE:
        for place in (wanted.namespace, *wanted.copies):
            there["Secret", place, wanted.name] = set(wanted.keys)
    for each in objects:
        if each["kind"] in {"ConfigMap", "Secret"}:
            keys = {*each.get("data", {}), *each.get("stringData", {}), *each.get("binaryData", {})}
            there[each["kind"], namespace(each), each["metadata"]["name"]] = keys
    accounts = {(namespace(each), each["metadata"]["name"]) for each in objects if each["kind"] == "ServiceAccount"}
    for pod in pods(objects):
        for kind, name, key in references(pod):
            keys = there.get((kind, pod.namespace, name))
            if keys is None:
                yield pod.title, f"wants the {kind} {name}, which nobody makes"
            elif key is not None and key not in keys:
                yield pod.title, f"wants {key} of the {kind} {name}, which has it not"
        account = pod.spec.get("serviceAccountName", "default")
        if account != "default" and (pod.namespace, account) not in accounts:
            yield pod.title, f"wants the ServiceAccount {account}, which nobody makes"


def variables_known(objects: list[Object]) -> Findings:
    """A variable that is put together from others comes after them; no variable stands there twice."""
    for pod in pods(objects):
        for each in pod.containers:
            seen: set[str] = set()
            for variable in each.get("env", []):
                for name in re.findall(r"(?<!\$)\$\((\w+)\)", variable.get("value", "")):
                    if name not in seen:
                        yield pod.title, f"{variable['name']} uses {name} before it is set"
                if variable["name"] in seen:
                    yield pod.title, f"{variable['name']} is set twice"
                seen.add(variable["name"])


AMOUNTS = {"requests", "limits", "hard", "default", "defaultRequest", "max", "min"}


def quantities_parse(objects: list[Object]) -> Findings:
    """Every amount is a number that Kubernetes reads."""
    kinds = {"ResourceQuota", "LimitRange", "PersistentVolumeClaim"}
    for each in objects:
        if each["kind"] not in kinds and "template" not in each.get("spec", {}):
            continue
        for name, amount in _amounts(each["spec"]):
            try:
                quantity(amount)
            except ValueError as error:
                yield named(each), f"{name}: {error}"


def _amounts(value: object) -> Iterator[tuple[str, str | int]]:
    if isinstance(value, list):
        for inner in value:
            yield from _amounts(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in AMOUNTS and isinstance(inner, dict):
                yield from inner.items()
            elif key == "sizeLimit":
                yield key, inner
            else:
                yield from _amounts(inner)


def labelled(objects: list[Object]) -> Findings:
    """Everything of ours says what it is and whose."""
    for each in objects:
        labels = each["metadata"].get("labels", {})
        if not labels.get("app.kubernetes.io/name"):
            yield named(each), "has no label app.kubernetes.io/name"
        if labels.get("app.kubernetes.io/part-of") != "mlops-labs":
            yield named(each), "has not the label app.kubernetes.io/part-of: mlops-labs"
    for pod in pods(objects):
        if pod.labels.get("app.kubernetes.io/part-of") != "mlops-labs":
            yield pod.title, "makes pods without the label app.kubernetes.io/part-of: mlops-labs"


def in_a_namespace(objects: list[Object]) -> Findings:
    """Everything lies in a namespace that is made here, and nothing is there twice."""
    ours = {each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"} | STANDARD
    seen: set[tuple[str, str]] = set()
    for each in objects:
        if each["kind"] not in CLUSTER_SCOPED and namespace(each) not in ours:
            yield named(each), "lies in no namespace of ours"
        if (each["apiVersion"].split("/")[0], named(each)) in seen:
            yield named(each), "is there twice"
        seen.add((each["apiVersion"].split("/")[0], named(each)))


def guarded_namespaces(objects: list[Object]) -> Findings:
    """Each namespace refuses pods that may gain rights, and traffic that nobody opened a way for."""
    for each in objects:
        if each["kind"] != "Namespace":
            continue
        if each["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield named(each), "does not enforce the restricted standard"
        closed = [
            policy
            for policy in objects
            if policy["kind"] == "NetworkPolicy"
            and namespace(policy) == each["metadata"]["name"]
            and policy["spec"].get("podSelector") == {}
            and set(policy["spec"].get("policyTypes", [])) == {"Ingress", "Egress"}
            and not policy["spec"].get("ingress")
            and not policy["spec"].get("egress")
        ]
        if not closed:
            yield named(each), "denies nothing by default"


def no_secrets_in_files(objects: list[Object]) -> Findings:
    """No Secret is rendered: what is random is made in the cluster."""
    for each in objects:
        if each["kind"] == "Secret":
            yield named(each), "stands in a file"


def nothing_unmanaged(objects: list[Object]) -> Findings:
    """No pod without an owner, and no workload that cannot be renewed."""
    for each in objects:
        if each["kind"] in {"Pod", "ReplicaSet", "ReplicationController"}:
            yield named(each), "is not made again when it is gone"
        if each["kind"] == "Service" and each["spec"].get("type") == "LoadBalancer":
            yield named(each), "waits for a load balancer that there is not"


ALL: tuple[Policy, ...] = (
    images_by_digest,
    restricted,
    read_only_root,
    bounded,
    probed,
    no_token,
    least_rights,
    services_lead_somewhere,
    selectors_match,
    mounts_match,
    references_exist,
    variables_known,
    quantities_parse,
    labelled,
    in_a_namespace,
    guarded_namespaces,
    no_secrets_in_files,
    nothing_unmanaged,
)
