"""The platform: what runs beside the labs, started and stopped with `infra`."""
