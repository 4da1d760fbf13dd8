"""What differs from Google, and what is decided about it."""
