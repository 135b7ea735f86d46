"""Calls GitHub's REST and GraphQL APIs by the `gh` CLI, which holds the credentials."""

import json
import subprocess
from typing import Any, Final

from ops.core.errors import OpsError

# `gh help exit-codes`: the command needs to be logged in.
NOT_LOGGED_IN_EXIT_CODE: Final = 4


def call_github(*arguments: str, body: dict[str, Any] | None = None) -> Any:
    """Runs `gh api` and parses its JSON. Raises OpsError if gh is missing or fails."""
    try:
        process = subprocess.run(
            ["gh", "api", *arguments],
            input=None if body is None else json.dumps(body),
            stdin=subprocess.DEVNULL if body is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise OpsError("gh is not on the PATH; see https://cli.github.com") from None
    if process.returncode == NOT_LOGGED_IN_EXIT_CODE:
        raise OpsError("gh is not logged in", "gh auth login")
    if process.returncode:
        message = format_tail(process.stderr or process.stdout)
        raise OpsError(f"gh api {arguments[0]} exited with {process.returncode}: {message}")
    try:
        return json.loads(process.stdout)
    except ValueError:
        raise OpsError(
            f"gh api {arguments[0]} did not print JSON: {format_tail(process.stdout)}"
        ) from None


def format_tail(text: str) -> str:
    """Returns the last 300 characters, on one line."""
    return " ".join(text.split())[-300:]
