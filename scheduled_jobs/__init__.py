"""Recurring jobs for Django on Google Cloud Scheduler."""
