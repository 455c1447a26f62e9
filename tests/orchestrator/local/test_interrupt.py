"""Ctrl-C is heeded even where Python loses it."""

import signal
import subprocess
import sys

import pytest

LOST = """
import os, signal
from orchestrator.local import interrupt

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        for _ in range(10):
            pass  # the handler runs here, and what it raises is printed and forgotten

interrupt.listen()
Finalized()
print("went on", flush=True)
interrupt.heed()
print("never said")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_that_a_finalizer_swallowed_is_raised_again(name: str) -> None:
    program = [sys.executable, "-c", LOST.replace("{name}", name)]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert "Exception ignored" in ended.stderr
    assert ended.stdout.split("\n")[0] == "went on"
    assert "never said" not in ended.stdout
    assert ended.returncode in (-signal.SIGINT, 1)
