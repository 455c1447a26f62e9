"""Low-precision variants of a pack, and the gate that each must pass."""
