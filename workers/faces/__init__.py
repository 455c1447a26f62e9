"""The faces of one photo: found at several scales, embedded, judged."""
