"""What is done with a job, or with many."""
