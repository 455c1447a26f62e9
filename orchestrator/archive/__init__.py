"""The archive as the control side changes it: catalogue, commits, rollback."""
