"""`ops github`: reports a workflow's result as a comment or an issue."""

from pathlib import Path
from typing import Annotated

import typer

from ops.cli.context import get_output
from ops.core.errors import UsageError
from ops.github.comments import SUBJECT_PATTERN, IssueState, update_issue, write_comment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Reports on GitHub, by the gh CLI, in the repository of the current folder.",
)
# Marks a comment whose file has no marker of its own.
COMMENT_MARKER = "<!-- bulwark comment -->"


@app.command("comment")
def comment_pull_request(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Markdown, for example from preview-report")
    ],
    pull_request: Annotated[
        int, typer.Option(min=1, metavar="N", help="number of the pull request")
    ],
) -> None:
    """Posts a file as a comment on a pull request, or updates the comment it posted before.

    It recognises its own comment by the marker in the file's first line.
    """
    from ops.preview.page import PREVIEW_MARKER

    text = _read_file(file)
    if not text.strip():
        raise UsageError(f"FILE is {str(file)!r}, which is empty; it must contain Markdown")
    marker = PREVIEW_MARKER if text.startswith(PREVIEW_MARKER) else COMMENT_MARKER
    change = write_comment(pull_request, text, marker)
    get_output(context).print_result(
        "github-comment", {"did": change.action, "comment": change.number, "url": change.url}
    )


@app.command("issue")
def report_issue(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="title; one open issue per subject")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the report")],
    state: Annotated[IssueState, typer.Option(help="failing opens the issue, well closes it")],
) -> None:
    """Opens the issue of a subject or adds the report to it; closes it if the state is well.

    A report that equals the last one is not added.
    """
    if not SUBJECT_PATTERN.fullmatch(subject) or "--" in subject:
        raise UsageError(
            "SUBJECT must be up to 100 letters, digits, spaces and _.:/()- , "
            f"like 'prod: daily checks', not {subject!r}"
        )
    change = update_issue(subject, _read_file(file), state)
    get_output(context).print_result(
        "github-issue", {"did": change.action, "issue": change.number, "url": change.url}
    )


def _read_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"FILE must be a file that can be read, not {str(file)!r}: {error.strerror}"
        ) from None
