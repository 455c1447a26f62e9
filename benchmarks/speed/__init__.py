"""How fast a photo, a match and a search are, beside other programs."""
