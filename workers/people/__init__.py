"""The people of a job: their references, the gallery, expected and forgotten people."""
