"""The language that the orchestrator and the workers share."""

__version__ = "0.1.0"
