"""The queues, the tasks, and the queue of each task."""

from __future__ import annotations

EMBED_QUEUE = "embed"
REDUCE_QUEUE = "reduce"
SCHEDULE_QUEUE = "schedule"
FIRE_TASK = "headcount.fire"
QUEUES = {
    "prepare": EMBED_QUEUE,
    "embed": EMBED_QUEUE,
    "split": REDUCE_QUEUE,
    "match": REDUCE_QUEUE,
    "join": REDUCE_QUEUE,
    "reduce": REDUCE_QUEUE,
}
"""The queue of each kind of unit."""
TASKS = {kind: f"headcount.{kind}" for kind in QUEUES}
ROUTES = {TASKS[kind]: {"queue": queue} for kind, queue in QUEUES.items()}
ROUTES[FIRE_TASK] = {"queue": SCHEDULE_QUEUE}
