"""What a GPU has to prove: one command, in stages that are bounded in time."""
