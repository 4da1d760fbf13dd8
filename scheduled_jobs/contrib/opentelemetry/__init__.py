"""A span for each run, joined to the trace of Google's request."""
