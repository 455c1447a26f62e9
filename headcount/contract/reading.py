"""Readings: versions of how our own code decodes, searches and aligns a photo.

A model pack is its networks, template and thresholds. A reading is what our code does around them;
the two change apart. Rows of photos and references say with which reading they were made.
"""

from __future__ import annotations

FIRST = 1
"""The reading of all rows from before readings were kept: their column is null."""
READING = 3
"""This build's reading. Raise it by one, with a line in the changelog, where decoding, detection or
alignment give another box, landmark or embedding for some photo. Read it as ``reading.READING``."""
