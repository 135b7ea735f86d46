"""Options that several commands of `ops service` have."""

from typing import Annotated, TypeAlias

import typer

from ops.cli.completion import complete_service_names
from ops.core.errors import UsageError

ServiceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="NAME",
        help="the service; may be left out if there is only one",
        autocompletion=complete_service_names,
    ),
]
ServiceWaitOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait", help="wait until it is completed, or only until it has started"
    ),
]
UrlOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="URL", help="check that it answers with 200 afterwards")
]


def require_valid_url(url: str | None, *, wait: bool) -> None:
    """Raises UsageError unless --url is an http or https URL and --wait is on."""
    if url is None:
        return
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--url must be an http or https URL, not {url!r}")
    if not wait:
        raise UsageError(f"--url is {url!r}, but --no-wait is set; --url needs --wait")
