"""Other programs, run as contestants beside headcount."""
