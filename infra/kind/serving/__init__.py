"""Deployments of the `kind` profile: a Deployment, a Service and a ConfigMap for each release, behind one Envoy."""

from infra.kind.serving.deployments import KubernetesDeployments

__all__ = ["KubernetesDeployments"]
