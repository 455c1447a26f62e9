"""Photos, faces and references as rows and columns."""
