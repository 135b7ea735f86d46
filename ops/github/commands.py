"""`ops github`: what a workflow found, where people see it."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import printing
from ops.core.errors import UsageError
from ops.github import comments as github

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What a workflow found, told on GitHub by the gh CLI, in the repository of the folder.",
)
# Of a comment that has no marker of its own.
MARKER = "<!-- bulwark comment -->"


@app.command("comment")
def comment(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Markdown, as of preview-report")],
    pull_request: Annotated[int, typer.Option(min=1, metavar="N", help="its number")],
) -> None:
    """Writes a file as the one comment of a pull request, over the one that was there.

    Which one is its own it knows by the marker in the file's first line.
    """
    from ops.preview.page import MARKER as OF_PREVIEW

    text = _read(file)
    if not text.strip():
        raise UsageError(f"FILE is {str(file)!r}, which is empty; it may be a file of Markdown")
    marker = OF_PREVIEW if text.startswith(OF_PREVIEW) else MARKER
    said = github.comment(pull_request, text, marker)
    printing(context).result(
        "github-comment", {"did": said.did, "comment": said.number, "url": said.url}
    )


@app.command("issue")
def issue(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="one open issue of each")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what was printed")],
    state: Annotated[github.State, typer.Option(help="whether it is to be open")],
) -> None:
    """Opens the issue of a subject, or adds the report to it; closes it where all is well.

    A report that says what the last one said is not added.
    """
    if not github.SUBJECT.fullmatch(subject) or "--" in subject:
        raise UsageError(
            f"SUBJECT is {subject!r}, may be up to 100 letters, digits, spaces and _.:/()- , "
            "like 'prod: daily checks'"
        )
    said = github.issue(subject, _read(file), state)
    printing(context).result(
        "github-issue", {"did": said.did, "issue": said.number, "url": said.url}
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"FILE is {str(file)!r}, {error.strerror}") from None
