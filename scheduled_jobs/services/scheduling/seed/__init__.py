"""From the task classes to their rows."""
