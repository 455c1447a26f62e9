"""Photos as pixels: decoded upright within limits, faces aligned."""
