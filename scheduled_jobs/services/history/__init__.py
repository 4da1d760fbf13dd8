"""Read: what the screens show, in a number of queries that does not grow."""
