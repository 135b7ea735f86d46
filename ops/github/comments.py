"""Writes one comment per pull request and one open issue per subject, by the `gh` CLI.

Our own are recognised by a hidden marker and their author, so a repeated report changes nothing.
GitHub has no idempotency token for creation; the workflows' concurrency groups prevent two at once.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ops.cli.streams import clean_text
from ops.core.errors import OpsError
from ops.core.github_api import call_github, format_tail

# Maximum characters of a comment or an issue (GitHub's error message). Counted here in bytes of
# UTF-8, which are at least as many.
MAX_COMMENT_BYTES: Final = 65_536
RESERVED_BYTES: Final = 200  # for the note about omitted lines, and the end of a fence
SUBJECT_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/()-]{0,99}")
IssueState: TypeAlias = Literal["failing", "well"]

# `viewerDidAuthor` avoids comparing user names: REST and GraphQL spell a workflow's differently.
# `fullDatabaseId` is a string: comment ids exceed a GraphQL integer.
# Both are paged through by `gh api --paginate`, which sets $endCursor.
COMMENTS_QUERY: Final = """
query($owner: String!, $name: String!, $number: Int!, $endCursor: String) {
  repository(owner: $owner, name: $name) { issueOrPullRequest(number: $number) {
    ... on PullRequest { comments(first: 100, after: $endCursor) { ...found } }
    ... on Issue { comments(first: 100, after: $endCursor) { ...found } }
  } }
}
fragment found on IssueCommentConnection {
  nodes { fullDatabaseId url body viewerDidAuthor }
  pageInfo { hasNextPage endCursor }
}
"""
ISSUES_QUERY: Final = """
query($owner: String!, $name: String!, $endCursor: String) {
  repository(owner: $owner, name: $name) {
    issues(first: 100, after: $endCursor, states: OPEN) {
      nodes { number url body viewerDidAuthor }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""


@dataclass(frozen=True)
class GitHubChange:
    """What GitHub confirmed: the action, and the comment or issue with its URL."""

    action: Literal["created", "updated", "commented", "closed", "nothing"]
    number: int | None = None
    url: str | None = None


def write_comment(number: int, text: str, marker: str) -> GitHubChange:
    """Creates or updates our comment on a pull request.

    Raises OpsError if `gh` fails or does not confirm the change.
    """
    body = fit_to_limit(text if marker in text else f"{marker}\n{text}")
    for existing_comment in _list_own_entries(COMMENTS_QUERY, marker, number=number):
        if _is_same_text(existing_comment["body"], body):
            return GitHubChange(
                "nothing", int(existing_comment["fullDatabaseId"]), existing_comment["url"]
            )
        path = f"repos/{{owner}}/{{repo}}/issues/comments/{existing_comment['fullDatabaseId']}"
        return _build_change("updated", _send_change("PATCH", path, {"body": body}, marker), "id")
    path = f"repos/{{owner}}/{{repo}}/issues/{number}/comments"
    return _build_change("created", _send_change("POST", path, {"body": body}, marker), "id")


def update_issue(subject: str, report: str, state: IssueState) -> GitHubChange:
    """Opens the subject's issue or adds the report to it; closes it if the state is well.

    A report that equals the last one is not added. Raises OpsError if `gh` fails or does not
    confirm the change.
    """
    marker = f"<!-- bulwark issue: {subject} -->"
    body = fit_to_limit(f"{marker}\n{_format_lead(subject, state)}\n\n{_format_code_block(report)}")
    path = "repos/{owner}/{repo}/issues"
    for existing_issue in _list_own_entries(ISSUES_QUERY, marker):
        number, url = existing_issue["number"], existing_issue["url"]
        last_entry = [existing_issue, *_list_own_entries(COMMENTS_QUERY, marker, number=number)][-1]
        is_new_report = not _is_same_text(last_entry["body"], body)
        if is_new_report:
            _send_change("POST", f"{path}/{number}/comments", {"body": body}, marker)
        if state == "failing":
            return GitHubChange("commented" if is_new_report else "nothing", number, url)
        fields = {"state": "closed", "state_reason": "completed"}
        closed_issue = _send_change("PATCH", f"{path}/{number}", fields, marker)
        if closed_issue.get("state") != "closed":
            raise OpsError(
                f"gh did not confirm that issue {number} is closed: "
                f"{format_tail(str(closed_issue))}"
            )
        return _build_change("closed", closed_issue, "number")
    if state == "well":
        return GitHubChange("nothing")
    return _build_change(
        "created", _send_change("POST", path, {"title": subject, "body": body}, marker), "number"
    )


def fit_to_limit(text: str) -> str:
    """Returns as many whole lines as GitHub allows, and a note about the rest."""
    if len(text.encode()) <= MAX_COMMENT_BYTES:
        return text
    lines, size = text.splitlines(), 0
    included_lines: list[str] = []
    for line in lines:
        size += len(line.encode()) + 1
        if size > MAX_COMMENT_BYTES - RESERVED_BYTES:
            break
        included_lines.append(line)
    omission_note = (
        f"**{len(lines) - len(included_lines)} of {len(lines)} lines omitted: "
        "too long for GitHub.**"
    )
    fence = _find_open_fence(included_lines)
    return "\n".join([*included_lines, *([fence] if fence else []), "", omission_note, ""])


def _find_open_fence(lines: list[str]) -> str | None:
    """Returns the fence that closes a code block left open by these lines, or None."""
    fence: str | None = None
    for line in lines:
        fence_match = re.match(r"(`{3,})(.*)", line)
        if fence_match and fence is None:
            fence = fence_match[1]
        elif (
            fence_match
            and fence is not None
            and len(fence_match[1]) >= len(fence)
            and not fence_match[2].strip()
        ):
            fence = None
    return fence


def _format_lead(subject: str, state: IssueState) -> str:
    return f"**{subject}** is {'failing' if state == 'failing' else 'well again'}."


def _format_code_block(report: str) -> str:
    """Wraps text in a code block, so that it holds no mentions, Markdown or markers."""
    longest = max((len(backticks) for backticks in re.findall(r"`+", report)), default=0)
    fence = "`" * max(3, longest + 1)
    report = clean_text(report)
    return f"{fence}text\n{report.rstrip() or '(nothing was printed)'}\n{fence}\n"


def _is_same_text(body: str, expected_body: str) -> bool:
    """True if a body equals the text, apart from GitHub's line ends."""
    return body.replace("\r\n", "\n").strip() == expected_body.strip()


def _list_own_entries(query: str, marker: str, **numbers: int) -> Iterator[dict[str, Any]]:
    """Yields our own comments or issues that begin with the marker, oldest first."""
    fields = ["-F", "owner={owner}", "-F", "name={repo}", "-f", f"query={query}"]
    for name, number in numbers.items():
        fields += ["-F", f"{name}={number}"]
    pages = call_github("graphql", "--paginate", "--slurp", *fields)
    for page in pages if isinstance(pages, list) and pages else [pages]:
        for entry in _parse_nodes(page):
            if entry["viewerDidAuthor"] and entry["body"].lstrip().startswith(marker):
                yield entry


def _parse_nodes(page: Any) -> list[dict[str, Any]]:
    """Returns the nodes of one page. Raises OpsError if the answer has no list."""
    try:
        repository = page["data"]["repository"]
        connection = repository["issues" if "issues" in repository else "issueOrPullRequest"]
        nodes: list[dict[str, Any]] = connection.get("comments", connection)["nodes"]
    except (KeyError, TypeError, AttributeError):
        raise OpsError(f"gh did not print a list: {format_tail(json.dumps(page))}") from None
    return nodes


def _send_change(method: str, path: str, body: dict[str, Any], marker: str) -> dict[str, Any]:
    """Sends a change and returns GitHub's answer. Raises OpsError unless it has the marker."""
    response = call_github(path, "--method", method, "--input", "-", body=body)
    if not isinstance(response, dict) or marker not in str(response.get("body")):
        raise OpsError(
            f"gh did not confirm the text that it wrote: {format_tail(json.dumps(response))}"
        )
    return response


def _build_change(
    action: Literal["created", "updated", "closed"], response: dict[str, Any], number_key: str
) -> GitHubChange:
    return GitHubChange(action, response.get(number_key), response.get("html_url"))
