"""Starting headcount's programs, as the command line does, and waiting for their ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headcount.errors import FatalError

Option = str | int | float | bool | os.PathLike[str] | Sequence[str] | None
"""The value of an option: True for one without a value, a list for one that is given again."""
Told = Callable[[str], None]
"""Called with each line that a program prints."""

DONE, WITH_FAILURES = 0, 3
"""Exit codes of a job that is done: all of it, or with photos that could not be processed."""
SHOWN_LINES = 20
"""Lines of a program that ended otherwise than headcount's do, in the error."""

_PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from orchestrator.cli import main; main()"
)
"""The program as Python: it heeds an interrupt also where a shell's background job began it."""
_OWN_MESSAGE = re.compile(r"^(?:headcount|Error): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a program that did what it was told.

    ``exit_code`` is 0, or 3 where some photos or references could not be processed; ``output`` is
    all that it printed. ``job_id`` and ``out``, the URI of the results, are those of the job that
    it brought to its end; None where it had none.
    """

    exit_code: int
    output: str
    job_id: str | None = None
    out: str | None = None


def command_line(
    command: str, positional: Sequence[str], options: Mapping[str, Option]
) -> list[str]:
    """The arguments of a command: ``false_positives=0.01`` is ``--false-positives=0.01``."""
    made = [command]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            made.append(flag)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            made += [f"{flag}={one}" for one in value]
        elif value is not None and value is not False:
            made.append(f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    return [*made, "--", *positional]


def start(arguments: Sequence[str], *, text: str | None = None, told: Told | None = None) -> Ended:
    """Run ``headcount ARGUMENTS`` to its end, with ``text`` as standard input.

    Settings and secrets come from the environment alone. An interrupt stops the program as Ctrl-C
    does; what was finished is kept. Raises FatalError with its message where it fails.
    """
    with tempfile.TemporaryFile() as given:
        given.write((text or "").encode())
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, *arguments],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
            start_new_session=True,  # Ctrl-C is for us: the program gets one signal, from here
        )
    output = _read(process, told)
    if process.returncode not in (DONE, WITH_FAILURES):
        raise FatalError(_message(arguments[0], process.returncode, output))
    return Ended(process.returncode, output)


def _read(process: subprocess.Popen[str], told: Told | None) -> str:
    """Everything that a program prints, until it has ended."""
    lines = []
    try:
        for line in process.stdout or ():
            lines.append(line)
            if told is not None:
                told(line.rstrip("\n"))
        process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.communicate()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    return "".join(lines)


def _message(command: str, code: int, output: str) -> str:
    """The message of a program that failed: its own, or the last lines of what it printed."""
    own = [found.end() for found in _OWN_MESSAGE.finditer(output)]
    if own and code in (1, 2):
        return output[own[-1] :].strip()
    last = "".join(output.splitlines(keepends=True)[-SHOWN_LINES:]).strip()
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return f"headcount {command} {ended}" + (f": {last}" if last else "")
