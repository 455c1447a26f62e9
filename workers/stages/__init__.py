"""The stages of a job: one module per kind of unit, and what only they use."""
