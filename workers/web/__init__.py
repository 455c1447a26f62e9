"""The page of ``headcount review``: an archive's faces and people, shown and answered for."""
