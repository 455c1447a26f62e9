"""The header of a JPEG: its segments up to the first scan (ITU-T T.81, B.1.1)."""

from __future__ import annotations

from collections.abc import Iterator

START_OF_IMAGE = b"\xff\xd8"
END_OF_IMAGE, START_OF_SCAN = 0xD9, 0xDA


def header_segments(data: bytes, most: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's marker and the span of its content, the first scan's header at last.

    ``most`` bounds the steps: segments, and bytes that fill. Content may reach beyond a file that
    ends early. Of a file that does not begin as a JPEG does there are none.
    """
    at, steps = 2, len(data) if most is None else most
    if not data.startswith(START_OF_IMAGE):
        return
    for _ in range(steps):
        head = data[at : at + 4]
        if head[:2] == b"\xff\xff":  # any number of them may fill
            at += 1
            continue
        if len(head) < 4 or head[0] != 0xFF or head[1] == END_OF_IMAGE:
            return
        size = int.from_bytes(head[2:])
        yield head[1], at + 4, at + 2 + size
        if head[1] == START_OF_SCAN:
            return
        at += 2 + size
