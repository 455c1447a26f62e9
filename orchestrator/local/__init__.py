"""Parts for running everything on one machine: broker, workers, sample photos, interrupts."""
