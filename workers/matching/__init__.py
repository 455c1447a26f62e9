"""Faces compared with enrolled people, and how sure a match is."""
