"""People's answers about faces, and forgetting a person."""
