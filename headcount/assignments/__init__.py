"""What each job said of each face, and what differs between two jobs."""
