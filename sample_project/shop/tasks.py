"""The recurring jobs of a small shop."""
