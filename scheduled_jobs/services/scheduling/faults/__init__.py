"""What is wrong with the settings and with the address that Google is given: the one list, in the one words.

The system checks, the commands, ``doctor`` and every push speak from it. With a fault nothing is sent: what
Google would be given could not work, or somebody would have to find out why it does not.
"""

from scheduled_jobs.services.scheduling.faults.fault import Fault
from scheduled_jobs.services.scheduling.faults.found import faults, refuse

__all__ = ["Fault", "faults", "refuse"]
