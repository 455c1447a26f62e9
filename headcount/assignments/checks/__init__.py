"""Checks: names and absences of one job, drawn at random and judged by a person."""
