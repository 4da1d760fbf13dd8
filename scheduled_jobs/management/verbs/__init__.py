"""What ``manage.py scheduled_jobs`` can do: a function for each verb, of the terminal and the options."""
