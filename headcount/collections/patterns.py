"""Patterns of keys, as lines of a ``.gitignore``: of options, and of ``.headcountignore``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from headcount.collections.leftovers import IGNORE_FILE
from headcount.errors import FatalError, ObjectError, ObjectMissing
from headcount.storage.base import Reader

MAX_IGNORE_FILE = 1 << 20
"""Bytes of a ``.headcountignore``: a longer one is something else."""


class Patterns:
    """Patterns of keys; of several that match, the last counts. Raises FatalError for a bad one."""

    def __init__(self, lines: Iterable[str], source: str) -> None:
        from pathspec import GitIgnoreSpec
        from pathspec.patterns.gitignore import GitIgnorePatternError

        try:
            self._spec = GitIgnoreSpec.from_lines(lines)
        except GitIgnorePatternError as error:
            raise FatalError(f"{source}: {error}") from error
        self._any = any(pattern.include is not None for pattern in self._spec.patterns)

    @classmethod
    def of_options(cls, globs: tuple[str, ...]) -> Self:
        """The globs of an option: none of them is a comment or a negation."""
        return cls(
            (f"\\{glob}" if glob.startswith(("#", "!")) else glob for glob in globs),
            "--include and --exclude",
        )

    def says(self, key: str) -> bool | None:
        """Whether the patterns match a key; None where none of them does.

        False where the last one that matches begins with ``!``.
        """
        return self._spec.check_file(key).include if self._any else None


def read_ignore_file(reader: Reader) -> Patterns | None:
    """The patterns of the ``.headcountignore`` in a collection's root; None without one.

    Raises FatalError where it cannot be read.
    """
    place = reader.uri + IGNORE_FILE
    try:
        text = reader.get(IGNORE_FILE, limit=MAX_IGNORE_FILE).data.decode("utf-8-sig")
    except ObjectMissing:
        return None
    except ObjectError as error:
        raise FatalError(f"cannot read {place}: {error}") from error
    except UnicodeDecodeError as error:
        raise FatalError(f"{place} is no UTF-8: {error}") from error
    return Patterns(text.splitlines(), place)
