"""Matching of faces with enrolled people, and the probability that a match is right."""
