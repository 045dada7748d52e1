"""What an instructor says of the cohort's cluster, once: the file cluster.json in the cohort's folder."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from infra.trouble import Trouble

FILE = "cluster.json"
LARGEST = 64 << 10
REFERENCE = r"[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+:[A-Za-z0-9][\w.-]{0,127}@sha256:[0-9a-f]{64}"
HOST = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
PATH = r"/[\w./-]{1,200}"
CIDR = r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}"


class Part(BaseModel):
    """Nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Drop(Part):
    """The NFS export in which each learner has a folder of their own to hand in."""

    server: Annotated[str, Field(pattern=f"^{HOST}$")]
    path: Annotated[str, Field(pattern=f"^{PATH}$")]

    @field_validator("path")
    @classmethod
    def _plain(cls, path: str) -> str:
        if ".." in path.split("/"):
            raise ValueError("it may not lead upwards")
        return path.rstrip("/")


class Cluster(Part):
    """The cohort's cluster. `internet` are the ranges of addresses that learners may reach, none unless told."""

    image: Annotated[str, Field(pattern=f"^{REFERENCE}$")]
    host: Annotated[str, Field(pattern=f"^{HOST}$")]
    contact: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=200)]
    drop: Drop
    gpu: bool = False
    storage_class: Annotated[str, Field(pattern=f"^({HOST})?$")] = ""
    home_gib: Annotated[int, Field(ge=1, le=1000)] = 10
    internet: tuple[Annotated[str, Field(pattern=f"^{CIDR}$")], ...] = ()

    @field_validator("internet")
    @classmethod
    def _ranges(cls, ranges: tuple[str, ...]) -> tuple[str, ...]:
        for each in ranges:
            ip_network(each)
        return ranges


EXAMPLE = """{
  "image": "registry.example.org/mlops-labs/course:sha-...@sha256:...",
  "host": "labs.example.org",
  "contact": "admin@example.org",
  "drop": {"server": "10.0.0.5", "path": "/export/drop"}
}"""


def read(folder: Path) -> Cluster:
    """Read the settings of the cohort in `folder`.

    Raises:
        Trouble: they are not there, or not of this shape.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is far too large")
        return Cluster.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        found = f"no {FILE} in {folder}"
    except ValidationError as error:
        first = error.errors()[0]
        found = f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    except (OSError, ValueError) as error:
        found = f"{path} cannot be read: {error}"
    raise Trouble(
        details=EXAMPLE,
        found=re.sub(r"[^\x20-\x7e]", "?", found)[:500],
        expected="a file like the one above: the course image by digest, the address of the hub, the folder to hand in",
        next_step=f"write it, then: infra cohort render {folder}",
    )
