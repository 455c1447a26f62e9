"""Model packs: their files, thresholds and variants, opened for use."""
