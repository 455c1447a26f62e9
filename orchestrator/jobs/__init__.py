"""The life of a job: submitted, planned, supervised, committed."""
