"""``headcount models``: model packs listed, prepared ahead of time, and verified."""

from __future__ import annotations

import json
from typing import Any

import click

from headcount.settings import VARIANTS
from headcount.storage import canonical_uri
from orchestrator.commands.options import json_option
from orchestrator.commands.worker import ask_worker

model_option = click.option(
    "--model",
    envvar="HEADCOUNT_MODEL",
    default="embedded",
    show_default=True,
    metavar="PACK",
    help="Model pack: name, folder or s3:// URI.",
)


@click.group()
def command() -> None:
    """Model packs: which there are, prepared ahead of time, verified."""


@command.command("list")
@json_option
def list_packs(as_json: bool) -> int:
    """Packs known by name with their licences, the cache, and variants with their gates."""
    found = ask_worker("models", "list")
    _show(found, _listed(found), as_json)
    return 0


@command.command()
@model_option
@click.option("--variant", type=click.Choice(VARIANTS), help="A low-precision recogniser.")
@click.option(
    "--gate",
    metavar="PEOPLE",
    help="Make the variant and judge it on these photos: a folder per person.",
)
@click.option("--to", metavar="URI", help="Copy the pack there too, ready for other machines.")
@json_option
def prepare(
    model: str, variant: str | None, gate: str | None, to: str | None, as_json: bool
) -> int:
    """Bring the prepared form of a pack's models into the cache.

    With --variant, make a faster recogniser of lower precision. It can be chosen, as
    --model PACK+VARIANT, once it has passed its gate: half of the people in the folder calibrate
    it, and on the other half it must tell pairs apart as well as the original does.
    """
    order = ["models", "prepare"]
    if gate is not None:
        if variant is None:
            raise click.UsageError("--gate needs --variant: which variant is it to judge?")
        order += ["--variant", variant, "--gate", canonical_uri(gate)]
    elif variant is not None:
        model = f"{model}+{variant}"
    if to is not None:
        order += ["--to", canonical_uri(to)]
    found = ask_worker(*order, "--model", model)
    _show(found, _prepared(found), as_json)
    return 0 if found["files"] else 1


@command.command()
@model_option
@json_option
def verify(model: str, as_json: bool) -> int:
    """Check a pack's files, the cache, and what the models do; exit code 1 if one is wrong."""
    checks = ask_worker("models", "verify", "--model", model)
    bad = sum(not check["ok"] for check in checks)
    lines = [f"{'ok  ' if c['ok'] else 'FAIL'}  {c['name']}: {c['detail']}" for c in checks]
    _show(checks, [*lines, f"{bad} of {len(checks)} checks failed" if bad else "whole"], as_json)
    return 1 if bad else 0


def _show(found: Any, lines: list[str], as_json: bool) -> None:
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(lines))


def _listed(found: dict[str, Any]) -> list[str]:
    lines = [
        f"{pack['name']:<12} {'ready' if pack['ready'] else 'not here or not accepted':<24} "
        f"{pack['licence']}"
        for pack in found["packs"]
    ]
    lines += ["", f"cache {found['cache']}: {len(found['cached'])} prepared files"]
    lines += [
        f"  {file['file']}  {_megabytes(file['bytes'])}  "
        f"{'' if file['whole'] else 'DAMAGED  '}{file['of'] or 'of a pack of your own'}"
        for file in found["cached"]
    ]
    return lines + [line for variant in found["variants"] for line in _judged(variant)]


def _prepared(found: dict[str, Any]) -> list[str]:
    lines = []
    if found["files"]:
        lines = [f"{found['model']} {found['pack_id']}, licence: {found['licence']}"]
    for file in found["files"]:
        place = file["prepared"] or "runs as it is"
        lines += [
            f"{file['role']} {file['name']}  {_megabytes(file['bytes'])}  SHA-256 {file['sha256']}",
            f"  {place}  {_megabytes(file['prepared_bytes'])}  SHA-256 {file['prepared_sha256']}",
        ]
    lines += _judged(found["variant"]) if found["variant"] else []
    return lines + (
        [f"copied to {found['to']}: use --model {found['to']}"] if "to" in found else []
    )


def _judged(variant: dict[str, Any]) -> list[str]:
    """What a gate said of each form of a variant."""
    end = "passed its gate" if variant["passed"] else "failed its gate"
    lines = [f"variant {variant['variant']} of {variant['recogniser']}: {end}"]
    for form in variant["judgements"]:
        lines.append(
            f"  {form['form']}: cosine to fp32 {form['mean_cosine']:.4f}, 1 % below "
            f"{form['low_cosine']:.4f}; accuracy {form['accuracy']:.2%} (fp32 "
            f"{form['accuracy_fp32']:.2%}); shift {form['shift']:+.4f}; {form['faces']} faces of "
            f"{form['people']} people, {form['genuine_pairs']:,} genuine pairs; "
            f"{form['speed_ratio']:.2f} times as fast as fp32 here"
        )
        lines += [f"    {fault}" for fault in form["faults"]]
    return lines


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
