"""The Celery application and its policy: routes, acknowledgement, retries, time limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Celery

from headcount.broker.address import Address, parse_address
from headcount.broker.connect import CONNECT_SECONDS
from headcount.broker.queues import EMBED_QUEUE, REDUCE_QUEUE, ROUTES, SCHEDULE_QUEUE
from headcount.errors import TransientError


def make_app(broker_url: str) -> Celery:
    """The Celery application, the same for senders and workers. Raises FatalError for a bad URL."""
    address = parse_address(broker_url)
    app = Celery("headcount", broker=address.url(), set_as_current=False)
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
        broker_use_ssl=None if address.tls is None else dict(address.tls),
        broker_transport_options={
            # Longer than any unit: redelivery by time is the last resort, not the first.
            "visibility_timeout": 6 * 3600,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            **_sentinel_options(address),
        },
    )
    return app


def _sentinel_options(address: Address) -> dict[str, Any]:
    """The options of kombu's transport for Sentinels; none without them."""
    if not address.master:
        return {}
    limits = {"socket_timeout": CONNECT_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
    return {"master_name": address.master, "sentinel_kwargs": limits | address.sentinel_kwargs}


def register(app: Celery, name: str, body: Callable[[dict[str, Any]], None]) -> None:
    """Make ``body`` the task ``name``. It gets the message as a plain dict.

    Only TransientError is retried, with backoff and a cap.
    """

    def run(message: dict[str, Any]) -> None:
        body(message)

    app.task(
        run,
        name=name,
        shared=False,  # with no other application of this process
        autoretry_for=(TransientError,),
        max_retries=5,
        retry_backoff=2,
        retry_backoff_max=60,
        retry_jitter=True,
    )
