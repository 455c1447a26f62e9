"""A worker with the fake engine, on a machine that has other disks than the submitter's.

FAR_FOLDER is the folder that lies elsewhere, FAR_AS the folder that this machine has under its
path: one that is not there, an empty one, or one with other files.
"""

import os
from pathlib import Path
from typing import Any

from headcount.storage.local import store
from tests.integration.fake_engine import main

FAR, HERE = Path(os.environ["FAR_FOLDER"]), Path(os.environ["FAR_AS"])
_local_path = store.DirectoryStore.__init__


def _init(self: store.DirectoryStore, root: Path, **bounds: Any) -> None:
    here = HERE / root.relative_to(FAR) if root.is_relative_to(FAR) else root
    _local_path(self, here, **bounds)


store.DirectoryStore.__init__ = _init  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
