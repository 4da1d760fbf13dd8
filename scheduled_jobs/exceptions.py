"""Every exception of the package, in one tree.

ScheduledJobsError
├── InvalidDefinition (ValueError)      what a person wrote cannot be sent to Google
│   ├── InvalidSchedule
│   └── InvalidPayload
├── OverrideExists
├── RunRefused (ValueError)             a run cannot be asked for as it is
├── BeingDeleted (ValueError)           a job that is going is neither changed nor run
├── TaskNotLoaded                       the module of a job's task is there and cannot be imported
├── DiscardTask                         raised by a task, to end its run without retries
├── TaskExited                          a task that was run here and now wanted to end the process
├── CallerRefused                       an inbound call that may not be answered
│   ├── NotAuthenticated                401
│   ├── NotAllowed                      403
│   └── CertificatesUnavailable         503
├── BadDelivery                         a call of a verified caller that names nothing to run
│   ├── WrongMethod                     405
│   ├── UnknownTarget                   404
│   └── BodyTooLarge                    413
├── StoreError                          the emulator answers a call as Google would: not done, and why
├── CannotStart                         the emulator: a taken port, a state file that is none
└── BackendError                        Cloud Scheduler did not do what it was asked
    ├── NotFound  AlreadyExists  Aborted  InvalidArgument  PermissionDenied
    ├── Unauthenticated  FailedPrecondition  ResourceExhausted  TooManyJobs
    ├── OutOfTime                       the call was not made
    ├── Misconfigured                   the call is not made, since a setting or the address is at fault
    ├── NotOurs  ClassMissing           the call is not made, since the job is not this process's to change
    └── OutcomeUnknown                  the call may or may not have been applied
"""

from itertools import islice


class ScheduledJobsError(Exception):
    """Something went wrong in scheduled_jobs."""


class InvalidDefinition(ScheduledJobsError, ValueError):
    """A job is described in a way that Cloud Scheduler would refuse."""


class InvalidSchedule(InvalidDefinition):
    """The schedule or its time zone is not one that Cloud Scheduler runs."""


class InvalidPayload(InvalidDefinition):
    """The payload does not fit the parameters of the task's run().

    ``errors`` maps the name of each parameter at fault to its message; the key ``""`` holds what
    concerns the payload as a whole. The message names the first faults, of which there may be as many as
    the payload has keys, and no more than the beginning of each.
    """

    MAX_TOLD, MAX_NAME, MAX_TEXT = 20, 100, 500

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        told = [
            f"{name[: self.MAX_NAME]}: {text[: self.MAX_TEXT]}" if name else text[: self.MAX_TEXT]
            for name, text in islice(errors.items(), self.MAX_TOLD)
        ]
        if (left := len(errors) - len(told)) > 0:
            told.append(f"and {left} more")
        super().__init__("; ".join(told))


class OverrideExists(ScheduledJobsError):
    """An operator has overridden the payload of this job, and code does not replace it."""


class RunRefused(ScheduledJobsError, ValueError):
    """A run cannot be asked for, or not yet."""


class BeingDeleted(ScheduledJobsError, ValueError):
    """The job is being deleted, and its pause, its overrides and its runs are settled by that."""


class TaskNotLoaded(ScheduledJobsError):
    """The module of a task raises when it is imported, so that nobody knows whether it is there."""


class DiscardTask(ScheduledJobsError):
    """Raised inside ``run()``: there is nothing to do, and trying again would not help."""


class TaskExited(ScheduledJobsError):
    """A task called ``sys.exit()``, or raised something else that would have ended the process."""


class CallerRefused(ScheduledJobsError):
    """A request to the execution view did not come from Cloud Scheduler."""


class NotAuthenticated(CallerRefused):
    """The request carries no token, or one that does not verify."""


class NotAllowed(CallerRefused):
    """The token is genuine, but its account, the ``caller``, may not run tasks here."""

    def __init__(self, text: str, caller: str = "") -> None:
        self.caller = caller
        super().__init__(text)


class CertificatesUnavailable(CallerRefused):
    """The certificates that verify tokens cannot be fetched; try again later."""


class BadDelivery(ScheduledJobsError):
    """A request of a verified caller names nothing that could be run."""


class WrongMethod(BadDelivery):
    """Tasks are run by POST."""


class UnknownTarget(BadDelivery):
    """There is no such task in this process, or no such job of it."""


class BodyTooLarge(BadDelivery):
    """The body is larger than any that Cloud Scheduler sends."""


class StoreError(ScheduledJobsError):
    """A call is refused as Cloud Scheduler would refuse it.

    ``code`` is the name of a ``grpc.StatusCode`` (``"NOT_FOUND"``); ``resource``, where not empty, is
    the resource that Google names in a ``google.rpc.ResourceInfo`` beside the message.
    """

    def __init__(self, code: str, message: str, *, resource: str = "") -> None:
        self.code = code
        self.message = message
        self.resource = resource
        super().__init__(f"{code}: {message}")


class CannotStart(ScheduledJobsError):
    """The emulator cannot start: its port is taken or its state file cannot be read."""


class BackendError(ScheduledJobsError):
    """Cloud Scheduler refused a call. ``definite`` tells that nothing was changed by it."""

    definite = True


class NotFound(BackendError):
    """The job does not exist in Cloud Scheduler."""


class AlreadyExists(BackendError):
    """A job of this name exists in Cloud Scheduler."""


class Aborted(BackendError):
    """Another change of this job is under way in Cloud Scheduler."""


class InvalidArgument(BackendError):
    """Cloud Scheduler does not accept a value of this job."""


class PermissionDenied(BackendError):
    """The account that makes the calls lacks a permission."""


class Unauthenticated(BackendError):
    """No credentials were found, or Google does not accept them."""


class FailedPrecondition(BackendError):
    """The job's state in Cloud Scheduler does not allow the call."""


class ResourceExhausted(BackendError):
    """The quota of Cloud Scheduler calls is used up for this minute."""


class TooManyJobs(BackendError):
    """The location has all the jobs that its quota allows."""


class OutOfTime(BackendError):
    """Time ran out before the call was made; nothing was sent."""


class Misconfigured(BackendError):
    """A setting, or the address that Google would be given, is at fault; nothing was sent."""


class NotOurs(BackendError):
    """The job in Google is not this app's, or is not known to be."""


class ClassMissing(BackendError):
    """The job's class is not in the code of this process, as during a rolling deploy."""


class OutcomeUnknown(BackendError):
    """No answer came: the call may or may not have been applied."""

    definite = False
