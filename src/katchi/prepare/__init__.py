"""Floor 3: would we cope? Exercises, coverage, emerging threats."""
