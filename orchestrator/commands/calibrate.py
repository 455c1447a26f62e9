"""``headcount calibrate``: measure thresholds and error rates on an archive's own faces."""

from __future__ import annotations

import json
from typing import Any

import click

from headcount import audit
from headcount.contract.layout import PackKeys
from headcount.storage import Store
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.commands.worker import run_tool
from orchestrator.people.latest_assignments import active_pack
from orchestrator.terminal import say, say_json

RATE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@archive_option
@click.option(
    "--fmr", type=RATE, default=1e-4, show_default=True, help="False match rate of one pair."
)
@click.option(
    "--false-positives",
    type=RATE,
    default=1e-3,
    show_default=True,
    help="Share of strangers that may be taken for somebody of the gallery.",
)
@click.option(
    "--keep", is_flag=True, help="Let later runs match by what was measured, from --fmr's cosine."
)
@click.option("--drop", is_flag=True, help="Let them match by the model pack's own figures again.")
@json_option
def command(
    archive: str, fmr: float, false_positives: float, keep: bool, drop: bool, as_json: bool
) -> int:
    """Measure on the archive's own faces which threshold gives a false match rate.

    Impostor pairs are faces of different photos that the last run did not take for one person, and
    references of different people. Genuine pairs are references of one person. Nothing is changed
    unless --keep or --drop is given.
    """
    if keep and drop:
        raise click.UsageError("--keep and --drop exclude each other")
    store = existing_archive(archive, load_s3())
    if drop:
        _drop(store)
        return 0
    if keep:
        audit.record(store, "calibrate", active_pack(store).pack_id, fmr=f"{fmr:g}")
    found = run_tool(
        "calibrate",
        store.uri,
        *("--fmr", str(fmr), "--false-positives", str(false_positives)),
        *(["--keep"] if keep else []),
    )
    if as_json:
        say_json(json.dumps(found, indent=1))
        return 0
    for line in _lines(found):
        say(line)
    return 0


def _drop(store: Store) -> None:
    pack = active_pack(store)
    audit.record(store, "uncalibrate", pack.pack_id)
    store.delete(PackKeys(pack.pack_id).calibration)
    say(f"later runs match by the figures of the pack {pack.name}")


def _lines(found: dict[str, Any]) -> list[str]:
    pairs = found["impostor_pairs"]
    lines = [
        f"{pairs['across_photos']:,} impostor pairs across photos, {pairs['labelled']:,} of "
        f"different references, {found['genuine_pairs']:,} genuine pairs of references"
    ]
    if not found["measured"]:
        lines.append(f"too few pairs to measure: these are the figures of the pack {found['pack']}")
    if found["threshold"] is None:
        return [*lines, f"the pack {found['pack']} has no measured figures"]
    sure = found["interval"]
    between = "" if sure is None else f", 90 % interval {sure[0]:.3f} to {sure[1]:.3f}"
    lines.append(f"FMR {found['fmr']:.0e}: cosine {found['threshold']:.3f}{between}")
    for rate in found["rates"]:
        tmr = "" if rate["tmr"] is None else f", TMR {rate['tmr']:.4f}"
        lines.append(f"  FMR {rate['fmr']:.0e}: cosine {rate['cosine']:.3f}{tmr}")
    if found.get("ignored"):
        lines.append(
            "thresholds that an earlier build measured and kept are ignored, since they do not "
            "regard quality: runs match by the pack's own. Measure anew with --keep"
        )
    if found["doubts"] and found["measured"]:
        lines.append(f"--keep would refuse these figures: {found['doubts']}")
    if found["kept"]:
        lines.append("kept: later runs match by these figures; no photo is embedded again")
    search = found["search"]
    rates = [
        f"{name.upper()} {search[name]:.1e}"
        for name in ("fpir", "fnir")
        if search[name] is not None
    ]
    lines.append(
        f"search among {search['references']:,} references, target {search['target']:.0e}: cosine "
        f"{search['threshold']:.3f}" + (f", expected {', '.join(rates)}" if rates else "")
    )
    return lines
