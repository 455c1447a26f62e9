"""The hook that is called when a scheduled run ends: a URL or a command.

The hook is a setting of the supervisor, never a part of the archive: write access to the archive
must not be enough to choose a command that the supervisor runs, or a URL that it calls.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import urllib.request

from headcount.errors import TransientError
from headcount.settings import Settings

HOOK_SECONDS = 30.0


def call_hook(settings: Settings, body: dict[str, object]) -> None:
    """Send ``body`` as JSON to the URL, or to the standard input of the command, that is set.

    Raises TransientError where that fails; its text holds no part of the hook, which may be a
    secret.
    """
    if settings.hook is None:
        return
    hook, data = settings.hook.get_secret_value(), json.dumps(body).encode()
    if hook.startswith(("http://", "https://")):
        _post(hook, settings, data)
    else:
        _execute(hook, data)


def _post(url: str, settings: Settings, data: bytes) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "headcount"}
    if settings.hook_token is not None:
        headers["Authorization"] = f"Bearer {settings.hook_token.get_secret_value()}"
    request = urllib.request.Request(url, data=data, headers=headers, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=HOOK_SECONDS):  # noqa: S310 - http(s) only
            return
    except (OSError, ValueError) as error:
        reason = getattr(error, "code", None) or type(error).__name__
        raise TransientError(f"the webhook in HEADCOUNT_HOOK did not take it: {reason}") from error


def _execute(command: str, data: bytes) -> None:
    try:
        ended = subprocess.run(
            shlex.split(command), input=data, timeout=HOOK_SECONDS, capture_output=True, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise TransientError(
            f"the command in HEADCOUNT_HOOK did not run: {type(error).__name__}"
        ) from error
    if ended.returncode:
        raise TransientError(
            f"the command in HEADCOUNT_HOOK ended with exit code {ended.returncode}"
        )
