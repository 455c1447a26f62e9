"""Journal of steps that can be taken back, in any order, to exactly what was."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from workers.tables.columns import Numbers


@dataclass(slots=True)
class Step:
    """One step: how to take it again, and what undoes it, last thing first."""

    number: int
    again: Callable[[], None]
    undo: list[Callable[[], None]] = field(default_factory=list)


@dataclass(slots=True)
class Journal:
    """Steps in their order, with the old values of what they changed."""

    steps: list[Step] = field(default_factory=list)
    given: int = 0

    def take(self, again: Callable[[], None]) -> int:
        """Take a step and keep what undoes it; gives its number."""
        self.given += 1
        self._run(Step(self.given, again))
        return self.given

    def _run(self, step: Step) -> None:
        self.steps.append(step)
        step.undo.clear()
        step.again()

    def back(self, number: int) -> None:
        """Undo a step; those after it are undone and taken again. Raises KeyError without it."""
        at = next((n for n, step in enumerate(self.steps) if step.number == number), None)
        if at is None:
            raise KeyError(number)
        later = self.steps[at + 1 :]
        while len(self.steps) > at:
            for undo in reversed(self.steps.pop().undo):
                undo()
        for step in later:
            self._run(step)

    def keep_array(self, owner: object, name: str, at: Numbers) -> None:
        """Keep the values of an array of an object at some places, before they change."""
        old = getattr(owner, name)[at]

        def restore() -> None:
            getattr(owner, name)[at] = old

        self.steps[-1].undo.append(restore)

    def keep_value(self, owner: object, name: str) -> None:
        """Keep a plain value of an object."""
        old = getattr(owner, name)
        self.steps[-1].undo.append(lambda: setattr(owner, name, old))

    def keep_entry(self, owner: dict[Any, Any], key: Hashable) -> None:
        """Keep an entry of a dict, or that there is none; a dict as the value is copied."""
        old = owner.get(key)
        old = dict(old) if isinstance(old, dict) else old

        def restore() -> None:
            if old is None:
                owner.pop(key, None)
            else:
                owner[key] = old

        self.steps[-1].undo.append(restore)

    def add(self, owner: set[Any], key: Hashable) -> None:
        """Add to a set what the step takes out again when it is undone."""
        if key not in owner:
            owner.add(key)
            self.steps[-1].undo.append(lambda: owner.discard(key))
