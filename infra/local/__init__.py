"""The `local` profile: MLflow and JupyterLab as plain processes under supervisord, no Docker."""
