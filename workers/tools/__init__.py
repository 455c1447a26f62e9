"""Single tasks of a worker process beside the queues: packs, search, doctor."""
