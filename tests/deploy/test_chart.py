"""The Helm chart, linted and rendered by Helm itself; its schemas: deploy/check_manifests.py."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import COMMANDS

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


def pods(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for manifest in manifests:
        if manifest["kind"] == "CronJob":
            yield manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif manifest["kind"] == "Deployment":
            yield manifest["spec"]["template"]["spec"]


def pod_of(manifests: list[dict[str, Any]], component: str) -> dict[str, Any]:
    name = f"roll-headcount-{component}"
    pod: dict[str, Any] = named(manifests, "Deployment", name)["spec"]["template"]["spec"]
    return pod


@pytest.fixture(scope="module")
def full() -> list[dict[str, Any]]:
    return rendered(FULL)


def test_helm_has_nothing_to_say_against_the_chart() -> None:
    report = helm.lint(CHART, strict=True)
    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] > 1] == []


def test_every_pod_is_hardened(full: list[dict[str, Any]]) -> None:
    found = list(pods(full))
    assert len(found) == 5
    for pod in found:
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
    anywhere = [rule for rule in policy["spec"]["egress"] if "to" not in rule]
    ports = [way["port"] for rule in anywhere for way in rule["ports"]]
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
        {"supervisor": {"replicas": 0}},
        {"prune": {"schedule": "weekly"}},
        {"networkPolicy": {"identityAddresses": ["169.254.170.23"]}},
    ],
)
def test_values_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmError):
        chart.validate_schema(wrong)
        chart.render(wrong, name="roll", namespace="photos")


def places(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The maps of the default values whose keys are ours."""
    free = {"affinity", "labels", "annotations", "nodeSelector", "podAnnotations"}
    if path and (path[-1] in free or path[-1] in ("requests", "limits", "workers")):
        if path[-1] != "workers":
            return
    elif path:
        yield path
    for key, value in values.items():
        if isinstance(value, dict):
            yield from places(value, (*path, key))


DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize("path", [(), *places(DEFAULTS)], ids=".".join)
def test_a_misspelt_value_is_refused_wherever_it_stands(path: tuple[str, ...]) -> None:
    wrong: dict[str, Any] = {"replicsa": 3}
    for key in reversed(path):
        wrong = {key: wrong}
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmError, match="replicsa"):
        chart.render(wrong, name="roll", namespace="photos")


def test_a_worker_runs_where_and_as_its_values_say(full: list[dict[str, Any]]) -> None:
    pod = pod_of(full, "embed")
    assert (pod["runtimeClassName"], pod["priorityClassName"]) == ("nvidia", "batch")
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "embed"
    (container,) = pod["containers"]
    assert {"name": "HEADCOUNT_GPU_MEMORY", "value": "8000000000"} in container["env"]
    assert {"name": "photos", "mountPath": "/photos", "readOnly": True} in container["volumeMounts"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["cache"]["persistentVolumeClaim"] == {"claimName": "models"}
    assert "emptyDir" in volumes["tmp"]
    assert "photos" in volumes
    other = pod_of(full, "reduce")
    assert "emptyDir" in {v["name"]: v for v in other["volumes"]}["cache"]
    assert not {"runtimeClassName", "priorityClassName", "topologySpreadConstraints"} & set(other)


def test_two_supervisors_are_never_both_away_and_one_does_not_hold_up_a_node(
    full: list[dict[str, Any]],
) -> None:
    name = "roll-headcount-supervisor"
    assert named(full, "Deployment", name)["spec"]["replicas"] == 2
    assert "strategy" not in named(full, "Deployment", name)["spec"]
    assert named(full, "PodDisruptionBudget", name)["spec"]["minAvailable"] == 1
    alone = rendered({})
    assert named(alone, "Deployment", name)["spec"]["strategy"] == {"type": "Recreate"}
    assert not [m for m in alone if m["kind"] == "PodDisruptionBudget" and "supervisor" in str(m)]


def test_every_pod_is_probed_at_the_port_that_it_serves(full: list[dict[str, Any]]) -> None:
    for component in ("supervisor", "beat", "embed", "reduce"):
        (container,) = pod_of(full, component)["containers"]
        (port,) = container["ports"]
        arguments = container["args"]
        assert arguments[arguments.index("--metrics-port") + 1] == str(port["containerPort"])
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}
        policy = named(full, "NetworkPolicy", "roll-headcount")["spec"]
        allowed = [each["port"] for rule in policy["ingress"] for each in rule["ports"]]
        assert port["containerPort"] in allowed


def test_pods_may_ask_for_their_identity_and_for_nothing_else_on_port_80() -> None:
    policy = named(rendered({}), "NetworkPolicy", "roll-headcount")["spec"]
    to_80 = [rule for rule in policy["egress"] if {"port": 80, "protocol": "TCP"} in rule["ports"]]
    (rule,) = to_80
    assert {"ipBlock": {"cidr": "169.254.170.23/32"}} in rule["to"]
    none = rendered({"networkPolicy": {"identityAddresses": []}})
    egress = named(none, "NetworkPolicy", "roll-headcount")["spec"]["egress"]
    assert all("to" not in rule for rule in egress)


def test_pods_begin_anew_with_a_new_secret_and_carry_their_annotations(
    full: list[dict[str, Any]],
) -> None:
    for component in ("supervisor", "beat", "embed", "reduce"):
        deployment = named(full, "Deployment", f"roll-headcount-{component}")
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        assert len(annotations["checksum/secret"]) == 64
        assert annotations["reloader.stakater.com/auto"] == "true"


def test_workers_stay_while_the_supervisor_does_not_say_what_waits(
    full: list[dict[str, Any]],
) -> None:
    for kind, replicas in (("embed", 2), ("reduce", 1)):
        fallback = named(full, "ScaledObject", f"roll-headcount-{kind}")["spec"]["fallback"]
        assert fallback == {"failureThreshold": 20, "replicas": replicas}


def test_an_archive_is_pruned_by_a_cron_job_where_that_is_wanted(
    full: list[dict[str, Any]],
) -> None:
    assert not [m for m in rendered({}) if m["kind"] == "CronJob"]
    job = named(full, "CronJob", "roll-headcount-prune")["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    expected = ["prune", "--archive", "s3://archive/main/", "--keep-jobs", "10"]
    assert container["args"] == expected
    assert pod["nodeSelector"] == {"disk": "slow"}


def test_workers_keep_the_assignments_of_as_many_jobs_as_the_cron_job_does() -> None:
    for enabled, expected in ((True, ["60"]), (False, [])):
        manifests = rendered(FULL | {"prune": {"enabled": enabled, "keepJobs": 60}})
        for component in ("embed", "reduce"):
            [container] = pod_of(manifests, component)["containers"]
            kept = [e["value"] for e in container["env"] if e["name"] == "HEADCOUNT_KEEP_JOBS"]
            assert kept == expected


def test_the_alerts_of_a_release_look_at_its_own_supervisor(full: list[dict[str, Any]]) -> None:
    rules = named(full, "PrometheusRule", "roll-headcount")["spec"]["groups"][0]["rules"]
    service = named(full, "Service", "roll-headcount-supervisor")["metadata"]["name"]
    (gone,) = [rule for rule in rules if rule["alert"] == "HeadcountSupervisorGone"]
    assert gone["expr"] == f'absent(up{{job="{service}",namespace="photos"}} == 1)'
    assert 'job="headcount-supervisor"' not in str(rules)
    scraped = named(full, "ServiceMonitor", service)["spec"]["selector"]["matchLabels"]
    assert scraped.items() <= named(full, "Service", service)["metadata"]["labels"].items()


def test_the_notes_show_how_to_submit_with_commands_that_exist() -> None:
    with helm.Chart.load(CHART) as chart:
        texts = chart.render({}, name="roll", namespace="photos")
    (notes,) = [text for name, text in texts.items() if name.endswith("NOTES.txt")]
    said = "kubectl -n photos exec deploy/roll-headcount-supervisor -- headcount "
    shown = [line.partition(said)[2].split() for line in notes.splitlines() if said in line]
    assert ["submit", "s3://photos/", "--people", "s3://people/"] in shown
    for first, *_ in shown:
        assert first in COMMANDS
    assert "allowedUris is empty" in notes


def test_the_chart_carries_the_same_alerts_and_dashboard_as_compose() -> None:
    for name, source in (("alerts.yml", "prometheus"), ("headcount.json", "dashboards")):
        assert (CHART / "files" / name).read_text() == (DEPLOY / source / name).read_text()
