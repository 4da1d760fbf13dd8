"""Values in words: no query, no request."""
