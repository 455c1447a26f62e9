"""Detectors: one module per family, and what they share."""
