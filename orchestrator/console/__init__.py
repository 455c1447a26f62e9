"""Views of jobs for an operator: progress, summaries and metrics."""
