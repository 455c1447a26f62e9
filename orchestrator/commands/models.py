"""``headcount models``: list, prepare and verify model packs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from headcount.settings import VARIANTS
from headcount.storage import canonical_uri
from orchestrator.commands.options import json_option
from orchestrator.commands.worker import run_tool
from orchestrator.terminal import say_json, say_lines

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
    """List, prepare and verify model packs."""


@command.command("list")
@json_option
def list_packs(as_json: bool) -> int:
    """List packs with their licences, the cache, and variants with the results of their gates."""
    found = run_tool("models", "list")
    _show(found, _listed(found), as_json)
    return 0


@command.command()
@model_option
@click.option("--variant", type=click.Choice(VARIANTS), help="A low-precision form of the pack.")
@click.option(
    "--gate",
    metavar="PEOPLE",
    help="Make the variant and judge it on these photos: a folder per person.",
)
@click.option(
    "--boxes",
    metavar="FOLDER",
    help="Judge its detector on the faces of these photos too: boxes in labels.csv.",
)
@click.option("--to", metavar="URI", help="Copy the pack there too, ready for other machines.")
@json_option
def prepare(
    model: str,
    variant: str | None,
    gate: str | None,
    boxes: str | None,
    to: str | None,
    as_json: bool,
) -> int:
    """Bring the prepared form of a pack's models into the cache.

    With --variant and --gate, make faster models of lower precision and test them. Once they have
    passed the gate, choose them as --model PACK+VARIANT. Half of the people in the folder calibrate
    the models; on the other half they must tell pairs apart as well as the originals do. The
    detector must find the same faces. With --boxes it must also miss no more of the faces that
    people have marked: labels.csv has the columns file, x, y, w, h.
    """
    order = ["models", "prepare"]
    if gate is not None:
        if variant is None:
            raise click.UsageError("--gate needs --variant: which variant is it to judge?")
        order += ["--variant", variant, "--gate", canonical_uri(gate)]
        if boxes is not None:
            order += ["--boxes", canonical_uri(boxes)]
    elif boxes is not None:
        raise click.UsageError("--boxes needs --gate: photos of people, for the embeddings")
    elif variant is not None:
        model = f"{model}+{variant}"
    if to is not None:
        order += ["--to", canonical_uri(to)]
    found = run_tool(*order, "--model", model)
    _show(found, _prepared(found), as_json)
    return 0 if found["files"] else 1


@command.command()
@model_option
@json_option
def verify(model: str, as_json: bool) -> int:
    """Check a pack's files, the cache and the models' output; exit code 1 if one is wrong."""
    checks = run_tool("models", "verify", "--model", model)
    bad = sum(not check["ok"] for check in checks)
    lines = [f"{'ok  ' if c['ok'] else 'FAIL'}  {c['name']}: {c['detail']}" for c in checks]
    _show(checks, [*lines, f"{bad} of {len(checks)} checks failed" if bad else "whole"], as_json)
    return 1 if bad else 0


def _show(found: Any, lines: list[str], as_json: bool) -> None:
    if as_json:
        say_json(json.dumps(found, indent=1))
    else:
        say_lines(lines)


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
    """Lines of a gate's judgement of each form of both networks of a variant."""
    end = "passed its gate" if variant["passed"] else "failed its gate"
    lines = [f"variant {variant['variant']}: {end}"]
    for role in ("detector", "recogniser"):
        part = variant[role]
        kept = "in fp32" if part["sha256"] is None else f"in {variant['variant']}"
        lines.append(f"  {role} {part['name']}: {kept}")
        for form in part["judgements"]:
            lines.append(f"    {form['form']}: {_figures(form)}")
            lines += [f"      {fault}" for fault in form["faults"]]
    return lines


def _figures(form: dict[str, Any]) -> str:
    """Measurements of one form, as text."""
    told = [
        f"cosine to fp32 {form['mean_cosine']:.4f}, 1 % below {form['low_cosine']:.4f}",
        f"accuracy {form['accuracy']:.2%} (fp32 {form['accuracy_fp32']:.2%})",
        f"shift {form['shift']:+.4f}",
        f"{form['faces']} faces of {form['people']} people, "
        f"{form['genuine_pairs']:,} genuine pairs",
        *(_found(form["found"]) if form["found"] else ()),
        f"{form['speed_ratio']:.2f} times as fast as fp32 here",
    ]
    return "; ".join(told)


def _found(found: dict[str, Any]) -> Iterator[str]:
    """Yield a detector's agreement with fp32, and its recall and precision on labelled faces."""
    yield (
        f"on {found['photos']} photos {found['agreed']:.2%} of fp32's {found['faces_fp32']:,} "
        f"faces found, {found['added']:.2%} of its own are others"
    )
    if found["labelled"]:
        yield (
            f"of {found['labelled']:,} labelled faces {found['recall']:.2%} found (fp32 "
            f"{found['recall_fp32']:.2%}), precision {found['precision']:.2%} (fp32 "
            f"{found['precision_fp32']:.2%})"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
