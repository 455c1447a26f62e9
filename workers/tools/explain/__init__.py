"""``explain``: everything about a decision in one place, decided again from the archive."""
