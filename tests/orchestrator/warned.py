"""A reporter that keeps the warnings."""

from orchestrator.jobs.progress import Silent


class Warned(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)
