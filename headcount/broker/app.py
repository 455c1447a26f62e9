"""The Celery application and its policy: routes, acknowledgement, retries, time limits."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from celery import Celery
from kombu.utils.url import maybe_sanitize_url

from headcount.broker.queues import EMBED_QUEUE, REDUCE_QUEUE, ROUTES, SCHEDULE_QUEUE
from headcount.errors import TransientError


def secured(broker_url: str) -> str:
    """A ``rediss://`` URL with the authorities to trust: SSL_CERT_FILE, or the system's.

    The broker's certificate is always verified; a URL that says otherwise is taken at its word.
    """
    if not broker_url.startswith("rediss://") or "ssl_cert_reqs" in broker_url:
        return broker_url
    options = {"ssl_cert_reqs": "required"}
    if authority := os.environ.get("SSL_CERT_FILE"):
        options["ssl_ca_certs"] = authority
    return broker_url + ("&" if "?" in broker_url else "?") + urlencode(options)


def redacted(broker_url: str) -> str:
    """The URL without its password."""
    return str(maybe_sanitize_url(broker_url))


def make_app(broker_url: str) -> Celery:
    """The Celery application, the same for senders and workers."""
    app = Celery("headcount", broker=secured(broker_url), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_routes=ROUTES,
        task_create_missing_queues=False,
        task_queues={
            name: {"exchange": name} for name in (EMBED_QUEUE, REDUCE_QUEUE, SCHEDULE_QUEUE)
        },
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=False,  # the supervisor sends again, and counts attempts
        task_store_errors_even_if_ignored=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a server's refusal, such as a replica's, is waited out
        broker_transport_options={
            # Longer than any unit: redelivery by time is the last resort, not the first.
            "visibility_timeout": 6 * 3600,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
    )
    return app


def register(app: Celery, name: str, body: Callable[[dict[str, Any]], None]) -> None:
    """Make ``body`` the task ``name``. It gets the message as a plain dict.

    Only TransientError is retried, with backoff and a cap.
    """

    def run(message: dict[str, Any]) -> None:
        body(message)

    app.task(
        run,
        name=name,
        autoretry_for=(TransientError,),
        max_retries=5,
        retry_backoff=2,
        retry_backoff_max=60,
        retry_jitter=True,
    )
