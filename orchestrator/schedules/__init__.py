"""Scheduled jobs: due times, runs, and the hook for their ends."""
