"""Jobs that are begun by the clock."""
