"""Every library that headcount installs may be passed on: by its metadata, and by what is in it.

A wheel's metadata speak of its own code. What was built into it says more: texts of licences, and
the shared libraries beside the module.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

ALLOWED = re.compile(
    r"\b(MIT|MIT-CMU|MIT-0|BSD|BSD-[23]-Clause|0BSD|Apache|Apache-2\.0|ISC|PSF|PSF-2\.0|"
    r"Python Software|MPL-2\.0|Mozilla Public License 2\.0|Unlicense|Public Domain|HPND|Zlib|"
    r"CC0-1\.0|Artistic)\b",
    re.IGNORECASE,
)
REFUSED = re.compile(
    r"(?<!L)GPL|(?<!Lesser )General Public License|Affero|SSPL|Commons Clause|non-?commercial",
    re.IGNORECASE,
)
"""Licences that ask something of whoever passes headcount on with them. The Lesser GPL does not,
of a library that lies in a file of its own, as all those below do."""

EXCEPTION = re.compile(r"GPL-[\d.]+(-or-later)?[ -]with[ -]GCC-exception(-[\d.]+)?", re.IGNORECASE)
"""What GCC's runtime is under: programs that were built with it are free of the GPL."""

STATEMENT = re.compile(r"^[ \t]*licen[cs]e(?: for [^:\n]+)?:[ \t]*(\S.*)$", re.IGNORECASE | re.M)
"""A line by which a wheel says under which licence a part of it is."""

WHOLE_GPL = re.compile(r"^\s*GNU GENERAL PUBLIC LICENSE\s*$", re.MULTILINE)

BUNDLED = {
    "LGPL-3.0-or-later": ("de265", "heif"),
    "LGPL-2.1-or-later": ("avcodec", "avformat", "avutil", "swresample", "swscale", "quadmath"),
    "GPL-3.0-or-later WITH GCC-exception-3.1": ("gfortran", "gomp"),
    "OpenSSL": ("crypto", "ssl"),
    "BSD": ("aom", "avif", "openjp2", "sharpyuv", "vpx", "webp", "webpdemux", "webpmux", "zstd"),
    "BSD-3-Clause": ("openblas", "openblaso", "openblasp", "scipy_openblas64_"),
    "MIT": ("Xau", "brotlicommon", "brotlidec", "drm", "harfbuzz", "lcms2", "xcb"),
    "0BSD": ("lzma",),
    "of its own, without copyleft": ("freetype", "jpeg", "png16", "tiff"),
}
"""Shared libraries that wheels bring, by their licence. Another one is looked at before it is
added here."""

SAYS_ITSELF = ("avcodec", "avformat", "swscale")
"""Libraries of FFmpeg, which is under the GPL where it was built so; each says which it is."""


def closure() -> dict[str, Distribution]:
    """The distributions that ``headcount[worker,cpu]`` installs here, by what pyproject asks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *extras["worker"], *extras["cpu"]]
    waiting = [Requirement(text) for text in texts]
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        asked = waiting.pop()
        key = canonicalize_name(asked.name), frozenset(asked.extras)
        if key in seen or key[0] == "headcount":
            continue
        seen.add(key)
        try:
            installed = distribution(asked.name)
        except PackageNotFoundError:
            continue  # of another platform
        found[key[0]] = installed
        waiting += [
            need for need in map(Requirement, installed.requires or []) if _holds(need, asked)
        ]
    return found


def _holds(need: Requirement, asked: Requirement) -> bool:
    """Whether a requirement holds here, for what was asked."""
    extras = asked.extras or {""}
    return need.marker is None or any(need.marker.evaluate({"extra": each}) for each in extras)


def stated(installed: Distribution) -> list[str]:
    """What a distribution's metadata says of its licence: one expression, or several lines."""
    metadata = installed.metadata
    expression = metadata.get("License-Expression")
    if expression:
        return [expression]
    line = (metadata.get("License") or "").strip().split("\n")[0][:200]
    kinds = [c for c in metadata.get_all("Classifier") or [] if c.startswith("License ::")]
    return [text for text in (line, *kinds) if text]


def is_refused(text: str) -> bool:
    """Whether a licence is refused: each of its alternatives is, in one of its parts."""
    free = EXCEPTION.sub("", text)
    return all(REFUSED.search(each) for each in re.split(r"\bOR\b", free))


def is_allowed(text: str) -> bool:
    """Whether one of a licence's alternatives is allowed in all its parts."""
    return any(
        all(
            ALLOWED.search(part) and not REFUSED.search(part) for part in re.split(r"\bAND\b", each)
        )
        for each in re.split(r"\bOR\b", text)
    )


def objections_to_metadata(lines: list[str]) -> list[str]:
    """Lines that refuse, or all of them where none allows."""
    refused = [line for line in lines if is_refused(line)]
    return refused or ([] if any(map(is_allowed, lines)) else lines or ["says nothing"])


def objections_to_text(text: str) -> list[str]:
    """What a file of licences says that is refused."""
    found = [line.strip() for line in STATEMENT.findall(text) if is_refused(line)]
    if WHOLE_GPL.search(text) and "GCC RUNTIME LIBRARY EXCEPTION" not in text.upper():
        found.append("the GPL itself")
    return found


def library(file: str) -> str | None:
    """The name of a shared library, which a wheel has with a checksum; None of other files."""
    match = re.match(r"lib(\w+)(-r0)?(-[0-9a-f]{8})+\.", file)
    return match and match[1]


def objections(installed: Distribution) -> list[str]:
    """Everything in a distribution that speaks against passing it on."""
    found = objections_to_metadata(stated(installed))
    known = {name for names in BUNDLED.values() for name in names}
    for file in installed.files or []:
        if re.search(r"licen[cs]e|copying|notice", file.name, re.IGNORECASE):
            if file.suffix not in (".py", ".pyc"):
                found += objections_to_text(file.read_text(encoding="utf-8"))
        elif file.parts[0].endswith(".libs"):
            name = library(file.name)
            if name not in known:
                found.append(f"brings {file.name}")
            elif name in SAYS_ITSELF and b"license: LGPL" not in file.read_binary():
                found.append(f"{file.name} does not say that it is under the LGPL")
    return found


def test_everything_that_is_installed_may_be_passed_on() -> None:
    found = closure()
    assert len(found) > 40
    assert {"opencv-python-headless", "numpy", "requests"} <= set(found)
    against = {name: objections(each) for name, each in found.items()}
    assert {name: texts for name, texts in against.items() if texts} == {}


def test_a_decoder_with_an_encoder_under_the_gpl_is_seen() -> None:
    heif = distribution("pillow-heif")  # installed for the tests, to make pictures
    assert objections_to_metadata(stated(heif)) == []
    against = objections(heif)
    assert any(text.startswith("brings libx265") for text in against)
    assert "GPLv2" in against


@pytest.mark.parametrize(
    "text",
    [
        *("MIT", "Apache-2.0 OR BSD-2-Clause", "BSD-3-Clause AND 0BSD AND CC0-1.0", "New BSD"),
        *("License :: OSI Approved :: MIT License", "GPL-2.0-only OR MIT"),
    ],
)
def test_a_licence_that_is_allowed(text: str) -> None:
    assert objections_to_metadata([text]) == []


@pytest.mark.parametrize(
    "text",
    [
        *("GPL-2.0 AND MIT", "MIT AND GPL-3.0-or-later", "GPLv2", "GPL-2.0-only OR AGPL-3.0-only"),
        *("MIT AND Sleepycat", "Proprietary", "SSPL-1.0", "MIT, with the Commons Clause"),
        "License :: OSI Approved :: GNU General Public License v2 (GPLv2)",
    ],
)
def test_a_licence_that_is_refused(text: str) -> None:
    assert objections_to_metadata([text]) == [text]
    assert objections_to_metadata([]) == ["says nothing"]


def test_one_line_that_refuses_is_enough() -> None:
    lines = ["BSD-3-Clause", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]
    assert objections_to_metadata(lines) == lines[1:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name: x265\nLicense: GPLv2\nFiles: x265.so", ["GPLv2"]),
        ('License for "x" binary wheels: GPLv2, due to', ["GPLv2, due to"]),
        ("Name: libheif\nLicense: LGPLv3", []),
        ("License: GPL-3.0-or-later WITH GCC-exception-3.1", []),
        ("  GNU GENERAL PUBLIC LICENSE\n  Version 2, June 1991", ["the GPL itself"]),
        ("A GPL-compatible license makes it possible to", []),
    ],
)
def test_texts_of_licences_are_read(text: str, expected: list[str]) -> None:
    assert objections_to_text(text) == expected


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("libx265-4883ecb5.so.217", "x265"),
        ("libheif-e72ea93c.so.1.23.6", "heif"),
        ("libopenblasp-r0-59ffcd50.3.15.so", "openblasp"),
        ("libscipy_openblas64_-32a4b2a6.so", "scipy_openblas64_"),
        ("libgfortran-040039e1-0352e75f.so.5.0.0", "gfortran"),
        ("libde265-90fb0ce1.so.0.2.0", "de265"),
        ("libpng16-1d1ba958.so.16.58.0", "png16"),
    ],
)
def test_the_name_of_a_library_is_found(file: str, name: str) -> None:
    assert library(file) == name
