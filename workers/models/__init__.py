"""Model packs: a detector and a recogniser with their preprocessing, and how they run."""
