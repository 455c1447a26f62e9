"""The report of a run for people: annotated photos and one HTML page."""
