"""Every library that headcount installs is under a licence that its users may pass on."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

ALLOWED = re.compile(
    r"\b(MIT|MIT-CMU|BSD|BSD-[23]-Clause|0BSD|Apache|Apache-2\.0|ISC|PSF|PSF-2\.0|Python Software|"
    r"MPL-2\.0|Mozilla Public License 2\.0|Unlicense|Public Domain|HPND|Zlib|Artistic)\b",
    re.IGNORECASE,
)
KNOWN = {
    # Says nothing in its metadata: what its own files say.
}


def closure(name: str, extras: set[str]) -> dict[str, Distribution]:
    """The distributions that ``name[extras]`` installs here."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extras)]
    while waiting:
        current, wanted = waiting.pop()
        try:
            installed = distribution(current)
        except PackageNotFoundError:
            continue  # an extra of another platform or of a GPU machine
        seen = current.lower() in found
        found[current.lower()] = installed
        for text in installed.requires or []:
            requirement = Requirement(text)
            environments = [{"extra": extra} for extra in wanted] or [{"extra": ""}]
            marker = requirement.marker
            if marker is not None and not any(marker.evaluate(e) for e in environments):
                continue
            if not seen or requirement.extras:
                key = requirement.name.lower()
                if key not in found or requirement.extras:
                    waiting.append((requirement.name, set(requirement.extras)))
    return found


def licence(installed: Distribution) -> str:
    """What a distribution's metadata says of its licence, in one line."""
    metadata = installed.metadata
    stated = [metadata.get("License-Expression") or "", (metadata.get("License") or "")[:200]]
    classifiers = [c for c in metadata.get_all("Classifier") or [] if c.startswith("License")]
    return " | ".join(filter(None, [*stated, *classifiers])).replace("\n", " ")


def test_every_licence_is_one_that_may_be_passed_on() -> None:
    found = closure("headcount", {"worker", "cpu"})
    found.pop("headcount", None)
    stated = {name: KNOWN.get(name) or licence(each) for name, each in found.items()}
    unclear = {name: text for name, text in stated.items() if not ALLOWED.search(text)}
    assert len(found) > 20
    assert unclear == {}
