"""Figures of runs: kept in cells of ten minutes, hours and days, which are made anew from the runs."""

from scheduled_jobs.services.history.stats.fold import catch_up, fold, fold_after
from scheduled_jobs.services.history.stats.rebuild import rebuild

__all__ = ["catch_up", "fold", "fold_after", "rebuild"]
