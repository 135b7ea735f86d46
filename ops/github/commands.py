"""`ops github`: what a workflow found, where people see it."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import get_output
from ops.core.errors import UsageError
from ops.github import comments as github

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What a workflow found, told on GitHub by the gh CLI, in the repository of the folder.",
)
# Of a comment that has no marker of its own.
COMMENT_MARKER = "<!-- bulwark comment -->"


@app.command("comment")
def comment_pull_request(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Markdown, as of preview-report")],
    pull_request: Annotated[int, typer.Option(min=1, metavar="N", help="its number")],
) -> None:
    """Writes a file as the one comment of a pull request, over the one that was there.

    Which one is its own it knows by the marker in the file's first line.
    """
    from ops.preview.page import PREVIEW_MARKER as OF_PREVIEW

    text = _read_file(file)
    if not text.strip():
        raise UsageError(f"FILE is {str(file)!r}, which is empty; it must be a file of Markdown")
    marker = OF_PREVIEW if text.startswith(OF_PREVIEW) else COMMENT_MARKER
    change = github.write_comment(pull_request, text, marker)
    get_output(context).print_result(
        "github-comment", {"did": change.action, "comment": change.number, "url": change.url}
    )


@app.command("issue")
def report_issue(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="one open issue of each")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what was printed")],
    state: Annotated[github.IssueState, typer.Option(help="whether it is to be open")],
) -> None:
    """Opens the issue of a subject, or adds the report to it; closes it where all is well.

    A report that says what the last one said is not added.
    """
    if not github.SUBJECT_PATTERN.fullmatch(subject) or "--" in subject:
        raise UsageError(
            f"SUBJECT is {subject!r}, must be up to 100 letters, digits, spaces and _.:/()- , "
            "like 'prod: daily checks'"
        )
    change = github.update_issue(subject, _read_file(file), state)
    get_output(context).print_result(
        "github-issue", {"did": change.action, "issue": change.number, "url": change.url}
    )


def _read_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"FILE is {str(file)!r}, {error.strerror}") from None
