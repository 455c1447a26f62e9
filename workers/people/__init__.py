"""The people a job knows: references, the gallery, who is expected, who was forgotten."""
