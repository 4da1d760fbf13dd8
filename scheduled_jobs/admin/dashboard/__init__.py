"""The landing page: how all jobs are, what needs somebody, and what the last hours were like."""
