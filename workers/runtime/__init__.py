"""A worker process: units of work, health, threads, stores that a unit may write to."""
