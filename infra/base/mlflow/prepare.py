"""Before MLflow starts: wait for its database and its store, and make the bucket where there is none."""

from __future__ import annotations

import os
import socket
import sys
import time

BUCKET = "mlflow"
PATIENCE = 300.0


def await_port(host: str, port: int, deadline: float) -> None:
    """Return once somebody listens there.

    Raises:
        TimeoutError: nobody does by the deadline.
    """
    while True:
        try:
            with socket.create_connection((host, port), timeout=2):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{host}:{port} does not answer: {error}") from error
            time.sleep(1)


def ensure_bucket(endpoint: str, bucket: str, deadline: float) -> bool:
    """Make the bucket; False where it is there already.

    Raises:
        botocore.exceptions.ClientError: the store refuses, or is not ready by the deadline.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("s3", endpoint_url=endpoint)
    while True:
        try:
            if any(each["Name"] == bucket for each in client.list_buckets().get("Buckets", [])):
                return False
            client.create_bucket(Bucket=bucket)
            return True
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status in {401, 403} or time.monotonic() > deadline:
                raise
        except BotoCoreError:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)


def main() -> int:
    """Prepare, and say what was done."""
    deadline = time.monotonic() + PATIENCE
    print("waiting for the database", flush=True)
    await_port("postgres", 5432, deadline)
    print("waiting for the store", flush=True)
    made = ensure_bucket(os.environ["MLFLOW_S3_ENDPOINT_URL"], BUCKET, deadline)
    print(f"the bucket `{BUCKET}` is " + ("made" if made else "there"), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
