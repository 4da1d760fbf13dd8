"""The payload as a form."""
