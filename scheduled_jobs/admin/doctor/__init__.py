"""The page that says why nothing runs."""
