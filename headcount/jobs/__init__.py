"""Control of a running job, and the attempts at its units of work."""
