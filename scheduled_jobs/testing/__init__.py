"""Tools for the tests of a project that has recurring jobs, under any test runner."""

from scheduled_jobs.testing.cloud_scheduler import CloudScheduler, running_cloud_scheduler

__all__ = ["CloudScheduler", "running_cloud_scheduler"]
