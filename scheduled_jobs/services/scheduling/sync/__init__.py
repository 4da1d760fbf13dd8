"""All jobs at once: what ``manage.py schedule_tasks`` and the plan do."""
