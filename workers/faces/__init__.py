"""The faces of one photo: detected at several scales, embedded, judged."""
