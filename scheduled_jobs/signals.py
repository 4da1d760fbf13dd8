"""What other apps may listen to, and two signals by which the models ask for what follows a commit.

All are sent with ``send_robust`` after the row is committed: a receiver that raises is logged and
changes nothing.
"""

from __future__ import annotations

from django.dispatch import Signal

run_started = Signal()
"""Sender JobRun, ``run=``: the row says ``running`` and the task is about to start, in the thread and the
context of this call. What a receiver sets there is seen by the task, and gone when the task ends."""
run_finished = Signal()
"""Sender JobRun, ``run=``: the run has ended, however it ended."""
run_failed = Signal()
"""Sender JobRun, ``run=``, ``exception=``: the run has ended as failed, timed out or lost. The exception is
what ``run()`` raised, or in its place one of the same name, without the secret that stands in it; None where
nobody saw one."""
run_skipped = Signal()
"""Sender JobRun, ``run=``: a delivery came and was not to run: a pause, an earlier run, a retired task."""
run_missed = Signal()
"""Sender JobRun, ``run=``: a slot passed and nothing arrived."""
job_recovered = Signal()
"""Sender JobRun, ``run=``: the first success after a failure or a missed run."""
job_synced = Signal()
"""Sender ScheduledJob, ``job=``: Google has confirmed what is in force."""
sync_failed = Signal()
"""Sender ScheduledJob, ``job=``: Google refused a push, or did not answer."""

job_edited = Signal()
"""Sender ScheduledJob or what derives from it, ``pks=``, ``using=``, inside the transaction of the edit:
these rows want a push."""
run_requested = Signal()
"""Sender JobRun, ``pks=``, ``using=``, inside the transaction of the request: these runs want a RunJob."""
