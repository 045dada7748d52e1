"""The kind profile: Kubernetes in Docker or Podman on this machine."""
