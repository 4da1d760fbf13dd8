"""Apps for those who have what they speak to: receivers of our signals, which nothing else knows."""
