"""The commands of docs/operate.md for a cluster on one box, as they stand there."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.running import environment

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PORTS = (6379, 8333, 9333, 8888, 9108, 9109, 9110)


def blocks() -> tuple[list[str], str]:
    """The commands that start the cluster, less the installation, and those that end it."""
    text = (ROOT / "docs" / "operate.md").read_text()
    section = text.partition("## A cluster on one box, in ten commands")[2]
    start, end = re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[:2]
    commands = start.splitlines()
    assert len(commands) == 10
    return commands[1:], end


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_the_ten_commands_do_a_job_and_nothing_of_them_is_left(
    samples: Path, tmp_path: Path
) -> None:
    if not all(map(is_free, PORTS)) or not shutil.which("weed", path=path()):
        pytest.skip("ports of the documented commands are taken, or weed is not installed")
    shutil.copytree(samples / "photos", tmp_path / "photos")
    commands, end = blocks()
    script = "\n".join([*commands, end])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment(PATH=path()),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    left = left_in(tmp_path)
    for process in left:
        process.kill()
    assert "7 photos" in done.stdout or "done" in done.stdout, done.stdout + done.stderr
    assert "headcount_" in done.stdout
    assert [process.name() for process in left] == []
    assert all(map(is_free, (6379, 8333)))


@pytest.mark.parametrize(("mode", "name"), [("set -m", "INT"), ("set +m", "TERM")])
def test_a_killed_broker_leaves_no_server(tmp_path: Path, mode: str, name: str) -> None:
    (line,) = [command for command in blocks()[0] if "broker_host" in command]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = (
        f"{mode}\n{line.replace('6379', str(port))}\n"
        f"until 2>/dev/null >/dev/tcp/127.0.0.1/{port}; do sleep 0.1; done\n"
        f"kill -{name} %1; wait"
    )
    bash = ["bash", "-c", script]
    subprocess.run(bash, cwd=tmp_path, env=environment(PATH=path()), timeout=60, check=False)
    assert is_free(port)
    assert left_in(tmp_path) == []


def path() -> str:
    """The PATH in which the commands of this environment come first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def left_in(folder: Path) -> list[psutil.Process]:
    """Processes that still run in the folder where the commands were given."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found
