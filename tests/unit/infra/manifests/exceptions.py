"""Who may break which policy, and why. One that nobody needs any more fails the tests."""

from __future__ import annotations

# policy's name -> {who, as findings name it: why}
EXCEPTIONS: dict[str, dict[str, str]] = {
    "restricted": {
        "DaemonSet mlops-labs-gpu/nvidia-device-plugin": "the kubelet's folder for plugins is on the node and root's",
    },
    "read_only_root": {
        "Deployment kubeflow/ml-pipeline": "upstream lets it write, and does not tell where",
        "Deployment kubeflow/ml-pipeline-ui": "upstream lets it write, and does not tell where",
    },
    "probed": {
        "Deployment kubeflow/ml-pipeline-persistenceagent": "it listens nowhere; without its watch it ends by itself",
        "Deployment kubeflow/ml-pipeline-scheduledworkflow": "upstream asks it nothing; it ends without its watch",
        "DaemonSet mlops-labs-gpu/nvidia-device-plugin": "it listens on a socket alone, and ends without a GPU",
    },
    "least_rights": {
        "ClusterRole /fake-gpu": "nodes belong to no namespace; of their status it may say how many GPUs they have",
        "Role kserve/certificates": "it makes and renews the webhooks' one Secret, by its name",
        "ClusterRole /kserve-certificates": "webhooks belong to no namespace; it may change the two that it names",
        "Role kubeflow/ml-pipeline": "it signs for artifacts with the store's keys, the one Secret that it names",
        "Role kubeflow/ml-pipeline-ui": "it shows artifacts with the store's keys, the one Secret that it names",
        "Role kubeflow/pipeline-runner": "a step's launcher reads the store's keys, the one Secret that it names",
    },
    "references_exist": {
        "Deployment kserve/kserve-controller-manager": "the Job `certificates` makes it; the pod waits",
    },
    "guarded_namespaces": {
        "Namespace /mlops-labs-gpu": "the device plugin mounts the kubelet's folder, which even `baseline` refuses",
    },
}
# Images whose digest could not be looked up; `infra up` asks their registry for it before anything is applied.
AWAITING_A_DIGEST: frozenset[str] = frozenset(
    {
        "docker.io/kserve/kserve-controller:v0.20.0",
        "gcr.io/tfx-oss-public/ml_metadata_store_server:1.14.0",
        "ghcr.io/kubeflow/kfp-api-server:2.16.1",
        "ghcr.io/kubeflow/kfp-driver:2.16.1",
        "ghcr.io/kubeflow/kfp-frontend:2.16.1",
        "ghcr.io/kubeflow/kfp-launcher:2.16.1",
        "ghcr.io/kubeflow/kfp-persistence-agent:2.16.1",
        "ghcr.io/kubeflow/kfp-scheduled-workflow-controller:2.16.1",
    }
)
