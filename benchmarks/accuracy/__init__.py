"""How often headcount is right: detection, verification, identification, clusters."""
