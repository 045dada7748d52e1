"""Deployments of the `local` profile: a supervised process for each release, behind one Envoy on loopback."""
