"""Resource names as the service reads them."""

from __future__ import annotations

import re
import secrets

from scheduled_jobs.exceptions import StoreError

PARENT = re.compile(r"projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+", re.ASCII)
JOB = re.compile(
    r"(?P<parent>projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+)/jobs/[A-Za-z0-9_-]{1,500}", re.ASCII
)

# Both texts are Google's: googleapis/nodejs-scheduler 114 and hashicorp/terraform-provider-google 3086.
BAD_JOB = 'Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".'
BAD_PARENT = 'Resource name should start with "/projects/<PROJECT_ID>/"'


def check_parent(parent: str) -> None:
    """Raise StoreError(INVALID_ARGUMENT) unless this names a location."""
    if not PARENT.fullmatch(parent):
        raise StoreError("INVALID_ARGUMENT", BAD_PARENT)


def parent_of(name: str) -> str:
    """The location of a job; raises StoreError(INVALID_ARGUMENT) for anything but a job's name."""
    match = JOB.fullmatch(name)
    if match is None:
        raise StoreError("INVALID_ARGUMENT", BAD_JOB)
    return match["parent"]


def project_of(name: str) -> str:
    """The project in a resource name, or what was written instead of one."""
    return name.split("/")[1] if name.startswith("projects/") else name


def new_name(parent: str) -> str:
    """The name of a job that was created without one: random digits, as Google's are."""
    return f"{parent}/jobs/{secrets.randbits(63):020d}"
