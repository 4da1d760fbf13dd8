"""The package in projects of other people: each test writes one, and uses it from outside."""
