"""How cost grows with photos, faces, shards and workers."""
