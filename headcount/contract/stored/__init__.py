"""The records that lie in an archive as JSON: those of the archive itself, and of its jobs."""
