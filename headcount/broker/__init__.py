"""The task queue: Celery on Redis or Valkey, its whole policy, and the heartbeats of workers.

Redis knows only who does what right now. Losing all of it loses no result: finished work is
marked in the archive, and the supervisor sends the rest again.
"""
