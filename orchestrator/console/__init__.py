"""Progress, summaries and metrics: what an operator sees of jobs."""
