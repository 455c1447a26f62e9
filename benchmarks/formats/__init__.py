"""Pictures of every kind, by independent writers, read by headcount and by independent readers."""
