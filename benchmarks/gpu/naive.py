"""The naive loop: one photo at a time, decoded in full, searched, and one face at a time embedded.

The same networks on the same provider, the same search and the same alignment: what is missing is
threads, batches and decoding by libjpeg-turbo without detours.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from headcount.settings import ProfileName
from workers.faces.detection import PROFILES, search_image
from workers.images.align import crop_faces
from workers.models.base import ModelPack


def naive(photo: Path, pack: ModelPack, profile: ProfileName) -> int:
    """Embed a photo's faces one by one and count them; the pack's photos share no batches."""
    decoded = cv2.imdecode(np.fromfile(photo, np.uint8), cv2.IMREAD_COLOR)
    image = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
    found = search_image(image, pack.detector, PROFILES[profile])
    for crop in crop_faces(image, found.faces.landmarks):
        pack.recogniser.embed(crop[None])
    return len(found)
