"""Errors of runs and check-ins of jobs, for Sentry."""
