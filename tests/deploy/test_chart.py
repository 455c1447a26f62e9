"""The Helm chart, linted and rendered by Helm itself; its schemas: deploy/check_manifests.py."""

from pathlib import Path
from typing import Any

import pytest

helm = pytest.importorskip("helm_python")
yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CHART = DEPLOY / "helm" / "headcount"
VALUES = DEPLOY / "helm" / "everything.yaml"
FULL: dict[str, Any] = yaml.safe_load(VALUES.read_text())


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    with helm.Chart.load(CHART) as chart:
        texts = chart.render(values, name="roll", namespace="photos")
    parts = (yaml.safe_load_all(t) for name, t in texts.items() if not name.endswith(".txt"))
    return [manifest for part in parts for manifest in part if manifest]


def named(manifests: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found


@pytest.fixture(scope="module")
def full() -> list[dict[str, Any]]:
    return rendered(FULL)


def test_helm_has_nothing_to_say_against_the_chart() -> None:
    report = helm.lint(CHART, strict=True)
    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] > 1] == []


def test_every_pod_is_hardened(full: list[dict[str, Any]]) -> None:
    for manifest in full:
        if manifest["kind"] != "Deployment":
            continue
        pod = manifest["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            secret = ("PASSWORD", "SECRET", "TOKEN", "BROKER_URL")
            assert not [e for e in container["env"] if any(s in e["name"] for s in secret)]


def test_a_worker_asks_for_the_slice_of_a_gpu_and_leaves_time_for_its_shard(
    full: list[dict[str, Any]],
) -> None:
    pod = named(full, "Deployment", "roll-headcount-embed")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "1"
    assert "nvidia.com/gpu" not in container["resources"]["limits"]
    assert container["image"] == "headcount-worker-gpu:0.1.0"
    assert pod["terminationGracePeriodSeconds"] >= 180
    reduce = named(full, "Deployment", "roll-headcount-reduce")["spec"]["template"]["spec"]
    limits = reduce["containers"][0]["resources"]["limits"]
    assert not [name for name in limits if name.startswith("nvidia")]


def test_workers_scale_from_zero_on_work_that_waits_or_is_in_hand(
    full: list[dict[str, Any]],
) -> None:
    scaled = named(full, "ScaledObject", "roll-headcount-embed")["spec"]
    assert scaled["minReplicaCount"] == 0
    (trigger,) = scaled["triggers"]
    service = named(full, "Service", "roll-headcount-supervisor")
    host = f"{service['metadata']['name']}.photos.svc:{service['spec']['ports'][0]['port']}"
    assert trigger["metadata"]["url"] == f"http://{host}/queues/embed"
    assert trigger["metadata"]["valueLocation"] == "work"


def test_a_gpus_worker_has_two_shards_in_hand_and_counts_as_room_for_two(
    full: list[dict[str, Any]],
) -> None:
    for kind, at_once in (("embed", "2"), ("reduce", "1")):
        name = f"roll-headcount-{kind}"
        pod = named(full, "Deployment", name)["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert {"name": "HEADCOUNT_SHARDS_AT_ONCE", "value": at_once} in container["env"]
        (trigger,) = named(full, "ScaledObject", name)["spec"]["triggers"]
        assert trigger["metadata"]["targetValue"] == at_once
    assert "replicas" not in named(full, "Deployment", "roll-headcount-embed")["spec"]
    assert named(rendered({}), "Deployment", "roll-headcount-embed")["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("http://minio:9000", 9000), ("http://minio", 80), ("https://minio/", 443), ("", 443)],
)
def test_pods_may_go_to_the_store_wherever_it_listens(endpoint: str, port: int) -> None:
    policy = named(rendered({"s3": {"endpoint": endpoint}}), "NetworkPolicy", "roll-headcount")
    ports = [way["port"] for rule in policy["spec"]["egress"] for way in rule["ports"]]
    assert {53, 6379, port} <= set(ports)
    assert len([p for p in ports if p != 53]) == len({p for p in ports if p != 53})


@pytest.mark.parametrize(
    "wrong",
    [
        {"existingSecret": ""},
        {"archive": "/var/archive"},
        {"s3": {"sse": "rot13"}},
        {"workers": {"embed": {"provider": "tpu"}}},
        {"workers": {"embed": {"terminationGracePeriodSeconds": 5}}},
    ],
)
def test_values_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmError):
        chart.validate_schema(wrong)
        chart.render(wrong, name="roll", namespace="photos")


def test_the_chart_carries_the_same_alerts_and_dashboard_as_compose() -> None:
    for name, source in (("alerts.yml", "prometheus"), ("headcount.json", "dashboards")):
        assert (CHART / "files" / name).read_text() == (DEPLOY / source / name).read_text()
