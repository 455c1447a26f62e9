"""Measures what reading a photo's metadata costs beside all that is done with the photo.

    python -m benchmarks.speed.metadata PHOTOS [--number 150] [--rounds 5]

Photos are JPEG files of a folder: as they are, with EXIF as a camera writes it, and with EXIF, IPTC
and XMP as a program writes it that tags faces. Microseconds of CPU are the least of the rounds,
over the photos their median. Beside them are the milliseconds of CPU of a whole photo in the
embedded pack, from its bytes to its embeddings, in one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import chosen_evenly, heading, opened, row
from headcount.settings import Settings
from tests.packets import listed, mwg, packet
from tests.workers.dated import app1_xmp, app13, exif, iim, segment
from workers.faces.analysis import analyse
from workers.images.metadata import read_metadata
from workers.models.packs.files import EMBEDDED

CAMERA = segment(
    0xE1,
    exif(
        changed="2019:07:04 15:30:12",
        taken="2019:07:04 15:30:12",
        digitised="2019:07:04 15:30:12",
        fraction="045",
        offset="+02:00",
    ),
)
TAGGED = app13(iim(keyword="Ann")) + app1_xmp(
    packet(
        mwg("Ann")
        + listed("dc:subject", "Ann", "beach", "2019")
        + listed("lr:hierarchicalSubject", "People|Ann", "Places|Rome")
        + listed("digiKam:TagsList", "People/Ann", "Places/Rome", kind="Seq"),
        xmp__CreateDate="2019-07-04T15:30:12",
    )
)
FORMS = {"as they are": b"", "EXIF of a camera": CAMERA, "EXIF, IPTC, XMP": CAMERA + TAGGED}


def least(work: Callable[[], object], rounds: int) -> float:
    """Seconds of CPU of the quickest round."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def whole_photo(photos: list[bytes]) -> float:
    """Median seconds of CPU of a photo."""
    pack = opened(EMBEDDED, Settings(threads=1))
    analyse(photos[0], pack, max_pixels=250_000_000)
    return statistics.median(
        least(lambda data=data: analyse(data, pack, max_pixels=250_000_000), 1)  # type: ignore[misc]
        for data in photos
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--number", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    wishes = parser.parse_args()
    found = [path.read_bytes() for path in chosen_evenly(wishes.photos, wishes.number)]
    photos = [data for data in found if data.startswith(b"\xff\xd8")]
    whole = whole_photo(photos)
    print(f"{len(photos)} photos; a whole photo takes {1000 * whole:.1f} ms\n")
    print("\n".join(heading("metadata", "µs", "share of a photo")))
    for name, segments in FORMS.items():
        times = []
        for data in photos:
            made = data[:2] + segments + data[2:]
            times.append(least(lambda made=made: read_metadata(made), wishes.rounds))  # type: ignore[misc]
        middle = statistics.median(times)
        print(row([name, f"{1e6 * middle:.0f}", f"{middle / whole:.2%}"]))


if __name__ == "__main__":
    main()
