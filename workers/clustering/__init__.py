"""Faces grouped so that each cluster is one person."""
