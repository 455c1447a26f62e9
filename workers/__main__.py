"""``python -m workers``: one worker process, on the queues it is told."""

from __future__ import annotations

import argparse
import os
import sys
import threading


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m workers")
    parser.add_argument("--queues", default="embed,reduce")
    parser.add_argument("--stop-with-parent", action="store_true")
    parser.add_argument("--metrics-port", type=int)
    parser.add_argument("--doctor", action="store_true")
    parser.add_argument("--calibrate", metavar="ARCHIVE")
    parser.add_argument("--search", nargs=2, metavar=("ARCHIVE", "PHOTO"))
    parser.add_argument("--index", metavar="ARCHIVE")
    parser.add_argument("--face", type=int)
    parser.add_argument("--at-least", type=float)
    parser.add_argument("--fmr", type=float, default=1e-4)
    parser.add_argument("--false-positives", type=float, default=1e-3)
    arguments = parser.parse_args()
    if arguments.stop_with_parent:
        threading.Thread(target=_exit_at_end_of_stdin, daemon=True).start()
    if arguments.doctor:
        from workers.doctor import report

        sys.stdout.write(report())
        return
    if arguments.calibrate:
        _calibrate(arguments.calibrate, arguments.fmr, arguments.false_positives)
        return
    if arguments.search or arguments.index:
        _search(arguments)
        return
    _serve(arguments.queues.split(","), arguments.metrics_port)


def _exit_at_end_of_stdin() -> None:
    """Leave at once when whoever started this process is gone, however it went.

    Nothing is lost: the message is acknowledged only after the work.
    """
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


def _calibrate(archive: str, fmr: float, false_positives: float) -> None:
    from headcount.errors import HeadcountError
    from workers.calibrate import report

    try:
        sys.stdout.write(report(archive, fmr, false_positives))
    except HeadcountError as error:
        sys.exit(str(error))


def _search(arguments: argparse.Namespace) -> None:
    from headcount.errors import HeadcountError
    from workers.lookup import build_index, report

    try:
        if arguments.index:
            sys.stdout.write(build_index(arguments.index))
        else:
            archive, photo = arguments.search
            sys.stdout.write(report(archive, photo, arguments.face, arguments.at_least))
    except HeadcountError as error:
        sys.exit(str(error))


def _serve(queues: list[str], metrics_port: int | None) -> None:
    from headcount import logs
    from headcount.broker import Broker, serve
    from headcount.endpoint import Endpoint
    from headcount.errors import HeadcountError
    from headcount.settings import S3Settings, Settings
    from workers.app import make_worker_app, worker_name
    from workers.context import Context
    from workers.vitals import Vitals

    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    if settings.broker_url is None:
        sys.exit("headcount worker: set HEADCOUNT_BROKER_URL to the broker's redis:// URL")
    try:
        broker = Broker(settings.broker_url.get_secret_value())
        broker.check()
        context, vitals = Context(settings, S3Settings(), worker_name()), Vitals()
        app = make_worker_app(context, broker, vitals)
        if metrics_port is not None:
            Endpoint(settings.metrics_host, metrics_port, vitals.pages())
            context.pack(settings.model)  # whoever asks for readiness waits for the models
        vitals.ready()
    except HeadcountError as error:
        sys.exit(f"headcount worker: {error}")
    serve(app, broker, queues, context.worker, stopping=context.drain)


if __name__ == "__main__":
    main()
