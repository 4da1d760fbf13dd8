"""From the rows to Google: the lease, the calls, and what is written after them."""
