"""Who calls the execution view, and the question whether a call of Google's would be let in."""

from scheduled_jobs.authentication.caller import JOB_NAME, certificates, sign_job, verify, verify_caller
from scheduled_jobs.authentication.probe import PROBE_BODY, PROBE_HEADER, refusals_of, sign_probe

__all__ = [
    "JOB_NAME", "PROBE_BODY", "PROBE_HEADER", "certificates", "refusals_of", "sign_job", "sign_probe",
    "verify", "verify_caller",
]  # fmt: skip
