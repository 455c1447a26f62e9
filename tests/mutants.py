"""Twelve rules that matter, each broken on purpose: the tests beside the rule must notice.

``python -m tests.mutants [NAME...]`` works on a copy of the tree. For each mutant it changes one
line, runs the test file that mirrors the module, and says whether the mutant was killed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("headcount", "orchestrator", "workers", "tests", "docs")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one text in one module, and the rule that it breaks."""

    name: str
    module: str
    old: str
    new: str

    @property
    def tests(self) -> str:
        """The test file that mirrors the module."""
        path = Path("tests", self.module)
        return str(path.with_name(f"test_{path.name}"))


MUTANTS = (
    Mutant(
        "linkage",
        "workers/clustering/linkage.py",
        "/ np.sqrt(first * second)",
        "/ (first * second)",
    ),
    Mutant(
        "large-groups",
        "workers/clustering/linkage.py",
        "* (1 - FEW / np.minimum(first, second))",
        "* (0 - FEW / np.minimum(first, second))",
    ),
    Mutant(
        "mean-evidence",
        "workers/clustering/linkage.py",
        "np.negative(weak, out=weak)",
        "np.copyto(weak, 0)",
    ),
    Mutant(
        "evidence",
        "workers/matching/match.py",
        "opposed(widened(embeddings, weak))",
        "opposed(widened(embeddings, 0 * weak))",
    ),
    Mutant(
        "evidence-of-a-name",
        "workers/identity/candidates.py",
        "similarity - discount,\n            similarity - discount - margin,",
        "similarity,\n            similarity - margin,",
    ),
    Mutant(
        "template",
        "workers/images/align.py",
        "[38.2946, 51.6963]",
        "[40.2946, 51.6963]",
    ),
    Mutant(
        "threshold",
        "workers/matching/match.py",
        "nan=-1.0) >= threshold",
        "nan=-1.0) >= threshold - 0.05",
    ),
    Mutant(
        "lease-term",
        "orchestrator/jobs/lease.py",
        "self._lost = self._lost or self._top() != self._term\n        self.require()",
        "self._lost = self._lost or self._top() == 0\n        self.require()",
    ),
    Mutant(
        "fencing",
        "workers/runtime/fenced_store.py",
        "if moment - self._confirmed >= CONFIRMED_SECONDS:",
        "if self._confirmed < 0:",
    ),
    Mutant(
        "plan-merge",
        "orchestrator/jobs/compare.py",
        "while have is not None and have.info.key < info.key:",
        "while have is not None and have.info.key <= info.key:",
    ),
    Mutant(
        "quality-weights",
        "workers/faces/quality.py",
        '"score": 4, "certainty": 8}',
        '"score": 8, "certainty": 4}',
    ),
    Mutant(
        "nms",
        "workers/models/detectors/boxes.py",
        "order = rest[shared / union <= overlap]",
        "order = rest[shared / np.maximum(areas[best], 1e-9) <= overlap]",
    ),
    Mutant(
        "calibration",
        "workers/matching/calibration.py",
        "0.5 / len(genuine)",
        "1.0 / len(genuine)",
    ),
    Mutant(
        "cannot-link",
        "workers/clustering/linkage.py",
        "range(0, len(ordered), CHUNK)",
        "range(CHUNK, len(ordered), CHUNK)",
    ),
    Mutant(
        "orientation",
        "workers/images/decode.py",
        "7: lambda pixels: cv2.flip(cv2.transpose(pixels), -1),",
        "7: cv2.transpose,",
    ),
    Mutant(
        "forget",
        "orchestrator/people/forget/rows.py",
        "faces = faces.filter(pc.invert(gone))",
        "faces = faces.slice(0)",
    ),
)


def copy_of_tree(folder: Path) -> Path:
    """Copy what the tests need; the copy is what they import."""
    for name in COPIED:
        copytree(ROOT / name, folder / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def is_killed(mutant: Mutant, tree: Path) -> bool:
    """Whether the tests beside the module fail with the mutant in it. Leaves the tree as it was."""
    path = tree / mutant.module
    whole = path.read_text()
    path.write_text(mutated(mutant, whole))
    try:
        return not passes(mutant.tests, tree)
    finally:
        path.write_text(whole)


def mutated(mutant: Mutant, text: str) -> str:
    """Put the mutant into its module's text. Raises ValueError where it has not one place."""
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.old!r} is there {text.count(mutant.old)} times")
    return text.replace(mutant.old, mutant.new)


def passes(tests: str, tree: Path) -> bool:
    """Run a test file of the tree; whether all of it passes. Raises where no test ran."""
    command = [sys.executable, "-m", "pytest", tests, "-q", "-x", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1):  # usage, collection or nothing collected
        raise RuntimeError(ended.stdout + ended.stderr)
    return ended.returncode == 0


def main(names: list[str]) -> int:
    """Try the mutants of these names, or all; return how many survived."""
    survived = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = copy_of_tree(Path(folder))
        for mutant in (m for m in MUTANTS if not names or m.name in names):
            if not passes(mutant.tests, tree):
                raise RuntimeError(f"{mutant.tests} fails without a mutant")
            killed = is_killed(mutant, tree)
            survived += not killed
            print(f"{'killed' if killed else 'SURVIVED':8}  {mutant.name:16}  {mutant.tests}")
    return survived


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
