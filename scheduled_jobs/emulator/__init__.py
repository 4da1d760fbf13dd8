"""A Cloud Scheduler for one's own machine: Google's API, Google's rules, real HTTP, signed tokens.

A program of its own (``python -m scheduled_jobs.emulator``): it imports no Django and knows nothing of the
package around it. ``docs/emulator.md`` says what it does as the service does, and what not.
"""
