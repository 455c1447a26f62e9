"""Dockerfiles and compose.yaml: linted, hardened, and true to the command line."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headcount.telemetry.endpoint import Endpoint, said
from orchestrator.cli import COMMANDS, headcount

yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DOCKERFILES = sorted((DEPLOY / "docker").glob("*.Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_hadolint_has_nothing_to_say() -> None:
    arguments = ["--config", str(DEPLOY / "docker" / "hadolint.yaml"), *map(str, DOCKERFILES)]
    ended = subprocess.run(
        [tool("hadolint"), *arguments], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_runs_as_nobody_and_is_built_in_stages(path: Path) -> None:
    text = path.read_text()
    final = text.rsplit("\nFROM ", 1)[1]
    assert "USER 10001:10001" in final
    assert "pip install" not in final
    assert "COPY --from=build" in final
    assert ":latest" not in text


def test_each_image_takes_its_own_extra() -> None:
    extras = {p.stem: p.read_text().partition("--no-compile ")[2].split()[0] for p in DOCKERFILES}
    assert extras == {"orchestrator": ".", "worker-cpu": "'.[cpu]'", "worker-gpu": "'.[gpu]'"}


def test_the_gpu_image_has_the_cuda_and_the_cudnn_that_onnxruntime_gpu_needs() -> None:
    root = DEPLOY.parent
    known = json.loads(
        (root / "tests" / "workers" / "models" / "onnxruntime_options.json").read_text()
    )
    text = (DEPLOY / "docker" / "worker-gpu.Dockerfile").read_text()
    (base,) = re.findall(r"^FROM nvidia/cuda:(\S+) AS base$", text, re.MULTILINE)
    cuda = known["cuda"].split(".")[0]
    assert base.startswith(f"{cuda}.")
    assert "-cudnn-runtime-" in base
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    (floor,) = re.findall(
        r"onnxruntime-gpu>=1\.(\d+)", " ".join(extras["optional-dependencies"]["gpu"])
    )
    assert int(floor) >= 28  # built for CUDA 13 from 1.27 on; older ones ask for 12
    assert f"libcudart.so.{cuda}" in known["needs"]["cuda"]


def test_compose_is_what_its_schema_says() -> None:
    arguments = ["--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")]
    ended = subprocess.run(
        [tool("check-jsonschema"), *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_service_is_hardened_and_reached_from_this_machine_only(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert ":latest" not in service["image"]


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_service_is_bounded_and_says_how_it_is(name: str) -> None:
    service = COMPOSE["services"][name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["logging"]["options"]["max-size"]
    if name == "buckets":  # it ends
        return
    health = service["healthcheck"]
    assert {"test", "interval", "timeout"} <= set(health)
    if "--metrics-port" in service.get("command", ()):
        port = service["command"][service["command"].index("--metrics-port") + 1]
        assert f"http://127.0.0.1:{port}/healthz" in health["test"][-1]


def test_the_check_of_a_container_tells_a_healthy_process_from_one_that_is_not() -> None:
    test = COMPOSE["services"]["supervisor"]["healthcheck"]["test"][-1]
    well = {True: 0, False: 1}
    for ok, code in well.items():
        endpoint = Endpoint("127.0.0.1", 0, {"/healthz": lambda ok=ok: said(ok, "so")})
        try:
            command = [sys.executable, "-c", test.replace("9108", str(endpoint.port))]
            assert subprocess.run(command, capture_output=True, check=False).returncode == code
        finally:
            endpoint.close()


def test_prometheus_scrapes_what_compose_runs_and_tells_the_alertmanager() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    scraped = {
        (name, str(where["port"]))
        for job in config["scrape_configs"]
        for where in job["dns_sd_configs"]
        for name in where["names"]
    }
    served = {
        (name, service["command"][-1])
        for name, service in COMPOSE["services"].items()
        if "--metrics-port" in service.get("command", ())
    }
    assert scraped == served
    (told,) = config["alerting"]["alertmanagers"]
    assert told["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert "alertmanager" in COMPOSE["services"]


def test_the_example_of_a_receiver_is_what_alertmanager_reads() -> None:
    config = str(DEPLOY / "prometheus" / "alertmanager.yml")
    ended = subprocess.run(
        [tool("amtool"), "check-config", config], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_commands_of_the_services_exist() -> None:
    for service in COMPOSE["services"].values():
        if not service["image"].startswith("headcount-"):
            continue
        name, *options = service["command"]
        assert name in COMMANDS
        shown = CliRunner().invoke(headcount, [name, "--help"]).output
        assert all(option in shown for option in options if option.startswith("--"))


def test_no_secret_is_written_in_compose() -> None:
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if any(word in name for word in ("PASSWORD", "SECRET", "KEY")):
                assert str(value).startswith("${"), name


def test_no_service_watches_celery_events_which_headcount_does_not_send() -> None:
    assert not [name for name, each in COMPOSE["services"].items() if "flower" in str(each)]
