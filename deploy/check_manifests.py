"""Renders the chart with Helm and holds each manifest against the schema of its kind.

Needs the extra ``manifests``. A field that a schema does not know is a fault, as it is to a
strict API server.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.kubernetes.apps import v1 as apps
from cloudcoil.models.kubernetes.batch import v1 as batch
from cloudcoil.models.kubernetes.core import v1 as core
from cloudcoil.models.kubernetes.networking import v1 as networking
from cloudcoil.models.kubernetes.policy import v1 as policy
from cloudcoil.models.prometheus_operator import v1 as monitoring
from pydantic import ValidationError

HELM = Path(__file__).with_name("helm")
KINDS: dict[str, Any] = {
    "Deployment": apps.Deployment,
    "CronJob": batch.CronJob,
    "Service": core.Service,
    "ServiceAccount": core.ServiceAccount,
    "ConfigMap": core.ConfigMap,
    "PodDisruptionBudget": policy.PodDisruptionBudget,
    "NetworkPolicy": networking.NetworkPolicy,
    "ScaledObject": keda.ScaledObject,
    "PodMonitor": monitoring.PodMonitor,
    "ServiceMonitor": monitoring.ServiceMonitor,
    "PrometheusRule": monitoring.PrometheusRule,
}


def manifests(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What Helm would install."""
    with helm_python.Chart.load(HELM / "headcount") as chart:
        texts = chart.render(values, name="roll", namespace="photos")
    for name, text in texts.items():
        if not name.endswith(".txt"):
            yield from filter(None, yaml.safe_load_all(text))


def faults(manifest: dict[str, Any]) -> Iterator[str]:
    """What the schema has against a manifest."""
    try:
        model = KINDS[manifest["kind"]].model_validate(manifest)
    except ValidationError as error:
        yield str(error)
        return
    yield from unknown(manifest, model.model_dump(mode="json", by_alias=True, exclude_unset=True))


def unknown(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Fields that the schema dropped, since it does not know them."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                yield f"{path}.{key} is not known"
            else:
                yield from unknown(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from unknown(one, other, f"{path}[{number}]")


def main() -> None:
    """Exit 1 where there is any fault; the check itself is checked first."""
    checked, wrong = 0, 0
    spoilt = next(m for m in manifests({}) if m["kind"] == "Deployment")
    spoilt["spec"]["template"]["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    assert list(faults(spoilt)), "a misspelt field was not found"  # noqa: S101
    for values in ({}, yaml.safe_load((HELM / "everything.yaml").read_text())):
        for manifest in manifests(values):
            checked += 1
            for fault in faults(manifest):
                wrong += 1
                sys.stdout.write(f"{manifest['kind']} {manifest['metadata']['name']}: {fault}\n")
    sys.stdout.write(f"{checked} manifests, {wrong} faults\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
