"""Forgetting a person: found everywhere, removed from archive and results."""
