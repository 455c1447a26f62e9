"""``python -m workers``: one worker process on the given queues, or one tool and then the end.

A tool (``doctor``, ``calibrate``, ``search``, ``index``, ``explain``, ``models``) prints JSON for
the program that started it; ``review`` serves a page until that program ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading

from headcount.storage.local.private import keep_others_out


def main() -> None:
    """Serve until told to stop, or run one tool."""
    arguments = _parser().parse_args()
    keep_others_out()
    if arguments.tool is not None:
        _run_tool(arguments)
        return
    if arguments.stop_with_parent:
        threading.Thread(target=_exit_at_end_of_stdin, daemon=True).start()
    _serve(arguments.queues.split(","), arguments.metrics_port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers")
    parser.add_argument("--queues", default="embed,reduce")
    parser.add_argument("--stop-with-parent", action="store_true")
    parser.add_argument("--metrics-port", type=int)
    tools = parser.add_subparsers(dest="tool", metavar="TOOL")
    tools.add_parser("doctor").set_defaults(run=_doctor)
    calibrate = tools.add_parser("calibrate")
    calibrate.add_argument("archive")
    calibrate.add_argument("--fmr", type=float, default=1e-4)
    calibrate.add_argument("--false-positives", type=float, default=1e-3)
    calibrate.add_argument("--keep", action="store_true")
    calibrate.set_defaults(run=_calibrate)
    search = tools.add_parser("search")
    search.add_argument("archive")
    search.add_argument("photo")
    search.add_argument("--face", type=int)
    search.add_argument("--at-least", type=float)
    search.set_defaults(run=_search)
    index = tools.add_parser("index")
    index.add_argument("archive")
    index.set_defaults(run=_index)
    explain = tools.add_parser("explain")
    explain.add_argument("archive")
    explain.add_argument("what")
    explain.add_argument("--as", dest="kind", choices=["face", "photo", "person"])
    explain.add_argument("--photo")
    explain.add_argument("--collection")
    explain.add_argument("--page", action="store_true")
    explain.set_defaults(run=_explain)
    _add_review(tools.add_parser("review"))
    models = tools.add_parser("models")
    models.add_argument("action", choices=["list", "prepare", "verify"])
    models.add_argument("--model")
    models.add_argument("--variant")
    models.add_argument("--gate", metavar="FOLDER")
    models.add_argument("--boxes", metavar="FOLDER")
    models.add_argument("--to", metavar="URI")
    models.set_defaults(run=_models)
    return parser


def _add_review(review: argparse.ArgumentParser) -> None:
    """Add the arguments of the page's server."""
    review.add_argument("archive")
    review.add_argument("--photos")
    review.add_argument("--by", default="")
    review.add_argument("--host", default="127.0.0.1")
    review.add_argument("--port", type=int, default=0)
    review.add_argument("--name", action="append", default=[])
    review.add_argument("--tls-cert")
    review.add_argument("--tls-key")
    review.add_argument("--check", type=int)
    review.add_argument("--absences", type=int, default=0)
    review.add_argument("--seed", type=int)
    review.set_defaults(run=_review)


def _run_tool(arguments: argparse.Namespace) -> None:
    """Print the result of a tool; an error meant for people goes to stderr, with exit code 1."""
    from headcount.errors import HeadcountError

    try:
        sys.stdout.write(arguments.run(arguments))
    except HeadcountError as error:
        sys.exit(str(error))


def _doctor(arguments: argparse.Namespace) -> str:  # noqa: ARG001 - as every tool
    from workers.tools.doctor import report

    return report()


def _calibrate(arguments: argparse.Namespace) -> str:
    from workers.tools.calibrate import report

    return report(arguments.archive, arguments.fmr, arguments.false_positives, kept=arguments.keep)


def _search(arguments: argparse.Namespace) -> str:
    from workers.tools.search import report

    return report(arguments.archive, arguments.photo, arguments.face, arguments.at_least)


def _index(arguments: argparse.Namespace) -> str:
    from workers.tools.search import build_index

    return build_index(arguments.archive)


def _explain(arguments: argparse.Namespace) -> str:
    from workers.tools.explain import report

    return report(
        arguments.archive,
        arguments.what,
        kind=arguments.kind,
        photo=arguments.photo,
        collection=arguments.collection,
        page=arguments.page,
    )


def _review(arguments: argparse.Namespace) -> str:
    from headcount.settings import Settings
    from headcount.telemetry import logs
    from workers.web.checking import Asked
    from workers.web.serve import Place, serve

    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    place = Place(
        arguments.host,
        arguments.port,
        tuple(arguments.name),
        arguments.tls_cert,
        arguments.tls_key,
    )
    wanted = arguments.check is not None
    asked = Asked(arguments.check, arguments.absences, arguments.seed) if wanted else None
    serve(arguments.archive, arguments.photos, arguments.by, place, asked)
    return ""


def _models(arguments: argparse.Namespace) -> str:
    import json

    from headcount.s3_settings import S3Settings
    from headcount.settings import Settings
    from workers.tools.packs import PackCache

    settings = Settings()
    packs = PackCache(settings, S3Settings())
    name = arguments.model or settings.model
    if arguments.action == "list":
        return json.dumps(packs.contents())
    if arguments.action == "verify":
        return json.dumps(packs.verify(name))
    if arguments.gate is not None:
        found = packs.gate(name, arguments.variant, arguments.gate, arguments.boxes)
        name += f"+{arguments.variant}"
    else:
        found = packs.prepare(name)
    if arguments.to is not None and found["files"]:
        found["to"] = packs.share(name, arguments.to)
    return json.dumps(found)


def _exit_at_end_of_stdin() -> None:
    """Exit at once when the process that started this one is gone, however it ended.

    Nothing is lost: the message is acknowledged only after the work.
    """
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


def _serve(queues: list[str], metrics_port: int | None) -> None:
    from headcount.broker.client import Broker
    from headcount.broker.intake import Intake
    from headcount.broker.serving import Presence, serve
    from headcount.errors import HeadcountError
    from headcount.s3_settings import S3Settings
    from headcount.settings import Settings
    from headcount.telemetry import logs
    from headcount.telemetry.endpoint import Endpoint
    from workers.app import make_worker_app, worker_name
    from workers.models.session import units_at_once
    from workers.runtime.health import Health
    from workers.runtime.refusals import Refusals
    from workers.runtime.unit import Context

    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    if settings.broker_url is None:
        sys.exit("headcount worker: set HEADCOUNT_BROKER_URL to the broker's redis:// URL")
    try:
        broker = Broker(settings.broker_url.get_secret_value())
        context, health = Context(settings, S3Settings(), worker_name()), Health()
        presence = Presence(broker, context.worker, queues)
        refusals = Refusals(context.worker, broker, health, presence.refuse)
        app = make_worker_app(context, broker, health, refusals)
        if metrics_port is not None:
            Endpoint(settings.metrics_host, metrics_port, health.pages())
        broker.wait()
        broker.require_rights("worker")
        if metrics_port is not None and "embed" in queues:
            context.pack(settings.model)  # whoever asks for readiness waits for the models
        health.ready()
        at_once = units_at_once(settings) if "embed" in queues else 1
    except HeadcountError as error:
        sys.exit(f"headcount worker: {error}")
    intake = Intake(
        broker,
        queues,
        on_foreign=health.metrics.foreign,
        on_version=refusals.refuse_version,
    )
    refusals.pause(intake, settings.refusal_seconds)
    if code := serve(app, intake, presence, queues, stopping=context.drain, at_once=at_once):
        sys.exit(code)


if __name__ == "__main__":
    main()
