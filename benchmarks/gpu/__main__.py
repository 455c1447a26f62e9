"""What a GPU has to prove, in stages, the most important first, each bounded in time.

    python -m benchmarks.gpu [PHOTOS] --out FOLDER [--provider cuda] [--seconds 480]
        [--packs embedded,FOLDER] [--people FOLDER] [--wheels FOLDER] [--stages abcdef] [--small]

PHOTOS is a folder of JPEGs with faces, of which photos of 1, 4 and 12 MP are made; without it, the
photos of `headcount demo` are fetched. Run it in the checkout. On a machine without a network,
--wheels names a folder of wheels: they are installed into the folder of the figures, and nowhere
else. --people is a folder of labelled people, for the gate of fp16. docs/gpu.md says what it shows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.asked import Asked, pack_label
from benchmarks.gpu.budget import STAGES, Budget, Stage
from benchmarks.gpu.report import document, table, told
from benchmarks.gpu.runner import Ended, in_process, run_stages

SMALL: dict[str, Any] = {
    "threads": (2, 1),
    "profiles": ("balanced", "fast"),
    "cell": 0.5,
    "each": 6,
    "whole": 24,
}
"""Numbers that show that all of it runs, and nothing else."""


def main() -> None:
    words = arguments()
    began = time.monotonic()
    budget = Budget(words.seconds, chosen(words.stages))
    asked = asked_for(words)
    asked.write()
    site = installed(words.wheels, asked.work / "site") if words.wheels else None
    ended: list[Ended] = []
    start = in_process(asked.folder, site)
    for each in run_stages(asked.folder, budget, start, stages=budget.stages):
        print(told(each), flush=True)
        ended.append(each)
        found = document(asked, ended) | {"seconds": round(time.monotonic() - began, 1)}
        (asked.folder / "gpu.json").write_text(json.dumps(found, indent=1))
    print(f"\n{table(found['rows'])}\n\n{table(found['targets'])}")
    print(f"\n{found['seconds']:.0f} s; all figures: {asked.folder / 'gpu.json'}")
    if any(each.status in ("failed", "killed") for each in ended):
        sys.exit(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--provider", default="cuda", choices=["cpu", "cuda", "tensorrt"])
    parser.add_argument("--packs", default="embedded", help="names or folders, comma-separated")
    parser.add_argument("--people", type=Path)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--seconds", type=float, default=480, help="for all of it")
    parser.add_argument("--stages", default="abcdef", help="by their letters; photos are made")
    parser.add_argument("--small", action="store_true", help="small numbers, to see that it runs")
    return parser.parse_args()


def asked_for(words: argparse.Namespace) -> Asked:
    """Read the request, paths in full. Raises SystemExit for two packs of one name."""
    packs = [str(Path(p).resolve()) if Path(p).is_dir() else p for p in words.packs.split(",")]
    if len({pack_label(pack) for pack in packs}) < len(packs):
        sys.exit("two packs have the same name: figures could not be told apart")
    return Asked(
        photos=str((words.photos or samples()).resolve()),
        out=str(words.out.resolve()),
        provider=words.provider,
        packs=tuple(packs),
        people=str(words.people.resolve()) if words.people else "",
        **(SMALL if words.small else {}),
    )


def chosen(letters: str) -> list[Stage]:
    """Stages of these letters, in their order, after the one that makes the photos."""
    return [stage for stage in STAGES if stage.name == "photos" or stage.name in letters]


def samples() -> Path:
    """Fetch the photos of `headcount demo`, once."""
    from headcount.settings import Settings
    from orchestrator.local.samples import fetch_samples

    return fetch_samples(Settings().cache_dir) / "photos"


def installed(wheels: Path, site: Path) -> Path:
    """Install wheels into a folder of their own. Raises SystemExit where that fails."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-compile", "--upgrade", "--target", str(site)]
    files = [str(path) for path in sorted(wheels.glob("*.whl"))]
    if not files or subprocess.run([*command, *files], check=False).returncode:
        sys.exit(f"the wheels in {wheels} could not be installed")
    return site


if __name__ == "__main__":
    main()
