"""Record the pods that the real KubeSpawner makes of values.yaml: recorded/pods.json.

It needs what this project's environment has not: pip install jupyterhub==5.5.1 jupyterhub-kubespawner==7.1.0 pyyaml.
The chart hands its `singleuser` values on to KubeSpawner under other names; those that values.yaml uses are here.
"""

import asyncio
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).parent
VALUES = HERE.parents[3] / "infra" / "cohort" / "values.yaml"
RECORDED = HERE / "recorded" / "pods.json"
TRAITS = {
    "cmd": "cmd",
    "defaultUrl": "default_url",
    "startTimeout": "start_timeout",
    "uid": "uid",
    "fsGid": "fs_gid",
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "events": "events_enabled",
    "extraEnv": "environment",
    "extraLabels": "extra_labels",
    "extraPodConfig": "extra_pod_config",
}
# KubeSpawner asks for an address of the API server, and never speaks to it here.
NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nowhere",
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
    "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "nobody", "user": {}}],
}
LEARNERS = ("alice", "björn.ölund@example.invalid")


def digest(values):
    """Name the values that a recording is of."""
    told = {"singleuser": values["singleuser"], "KubeSpawner": values["hub"]["config"]["KubeSpawner"]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


async def pods(values):
    from jupyterhub.objects import Hub, Server
    from jupyterhub.orm import Spawner
    from kubernetes_asyncio.client import ApiClient
    from kubespawner import KubeSpawner
    from traitlets.config import Config

    single = values["singleuser"]
    config = Config({"KubeSpawner": {trait: single[name] for name, trait in TRAITS.items()}})
    settings = config.KubeSpawner
    settings.image = f"{single['image']['name']}:{single['image']['tag']}"
    settings.image_pull_policy = single["image"]["pullPolicy"]
    settings.mem_guarantee, settings.mem_limit = single["memory"]["guarantee"], single["memory"]["limit"]
    settings.cpu_guarantee, settings.cpu_limit = single["cpu"]["guarantee"], single["cpu"]["limit"]
    storage = single["storage"]
    home = {"mountPath": storage["homeMountPath"], "name": "home", "subPath": storage["static"]["subPath"]}
    claim = {"name": "home", "persistentVolumeClaim": {"claimName": storage["static"]["pvcName"]}}
    settings.volumes = [claim, *storage["extraVolumes"]]
    settings.volume_mounts = [home, *storage["extraVolumeMounts"]]
    settings.common_labels = {"app": "jupyterhub", "chart": "jupyterhub-4.3.3", "release": "hub"}
    settings.profile_list = single["profileList"]
    settings.update(values["hub"]["config"]["KubeSpawner"])
    made = {}
    for learner in LEARNERS:
        for profile in [each["slug"] for each in single["profileList"]]:
            user = SimpleNamespace(
                id=1, name=learner, escaped_name=learner, url=f"/user/{learner}/", settings={}, server=Server()
            )
            spawner = KubeSpawner(
                config=config,
                hub=Hub(connect_url=values["hub"]["config"]["JupyterHub"]["hub_connect_url"]),
                user=user,
                orm_spawner=Spawner(name=""),
                api_token="token",
                oauth_client_id="client",
                cookie_options={},
                _mock=True,
            )
            spawner.user_options = {"profile": profile}
            await spawner.load_user_options()
            pod = ApiClient().sanitize_for_serialization(await spawner.get_pod_manifest())
            pod["metadata"]["namespace"] = spawner.namespace
            made[f"{learner} {profile}"] = pod
    return made


def main():
    import yaml

    values = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(NOWHERE, file)
        file.flush()
        os.environ["KUBECONFIG"] = file.name
        made = asyncio.run(pods(values))
    record = {"values": digest(values), "pods": made}
    RECORDED.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
