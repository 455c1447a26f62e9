"""Rights of new files on a local disk: none for others than the owner and the group."""

from __future__ import annotations

import os

OTHERS = 0o007


def keep_others_out() -> None:
    """Take from others all rights on files that this process, or one of its children, makes.

    The group keeps what the umask leaves it: supervisor and workers may be different users. Files
    that are there keep their rights.
    """
    os.umask(os.umask(OTHERS) | OTHERS)
