"""Answers: what people say of faces, kept in the archive, and as a file."""
