"""Validators, preconditions, cache policies, and the locks of writers."""
