"""What a workflow says to people on GitHub: one comment of a pull request, one issue of a subject.

By the `gh` CLI, which holds the credentials. Ours is told by a hidden marker in it and by who wrote
it, so that the same said twice is said once. GitHub takes no name for what is created: two at a
time may both create it, and workflows keep them apart by their concurrency.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ops.core.errors import OpsError

# Characters of a comment or an issue (GitHub says so when it refuses a longer one). Counted here in
# bytes of UTF-8, of which a text has as many or more.
LIMIT: Final = 65_536
ROOM: Final = 200  # for the line that says what was left out, and the end of a fence
# `gh help exit-codes`: the command needs to be logged in.
NOT_LOGGED_IN: Final = 4
SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/()-]{0,99}")
State: TypeAlias = Literal["failing", "well"]

# `viewerDidAuthor` needs no name of ours: REST and GraphQL spell that of a workflow differently.
# `fullDatabaseId` is a text, since numbers of comments are longer than an integer of GraphQL.
# Both are paged through by `gh api --paginate`, which sets $endCursor.
COMMENTS: Final = """
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
ISSUES: Final = """
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
class Said:
    """What GitHub has confirmed: what was done, to which comment or issue, and where it is."""

    did: Literal["created", "updated", "commented", "closed", "nothing"]
    number: int | None = None
    url: str | None = None


def comment(number: int, text: str, marker: str) -> Said:
    """Our comment of a pull request says `text`, whether it was there before or not.

    Raises OpsError where `gh` cannot do it, or does not confirm it.
    """
    body = fitted(text if marker in text else f"{marker}\n{text}")
    for one in _ours(COMMENTS, marker, number=number):
        if _same(one["body"], body):
            return Said("nothing", int(one["fullDatabaseId"]), one["url"])
        path = f"repos/{{owner}}/{{repo}}/issues/comments/{one['fullDatabaseId']}"
        return _said("updated", _send("PATCH", path, {"body": body}, marker), "id")
    path = f"repos/{{owner}}/{{repo}}/issues/{number}/comments"
    return _said("created", _send("POST", path, {"body": body}, marker), "id")


def issue(subject: str, report: str, state: State) -> Said:
    """The open issue of a subject: there with the newest report while it fails, else closed.

    A report that is the same as the last one is not said again. Raises OpsError as `comment`.
    """
    marker = f"<!-- bulwark issue: {subject} -->"
    body = fitted(f"{marker}\n{_lead(subject, state)}\n\n{_fenced(report)}")
    path = "repos/{owner}/{repo}/issues"
    for one in _ours(ISSUES, marker):
        number, url = one["number"], one["url"]
        last = [one, *_ours(COMMENTS, marker, number=number)][-1]
        news = not _same(last["body"], body)
        if news:
            _send("POST", f"{path}/{number}/comments", {"body": body}, marker)
        if state == "failing":
            return Said("commented" if news else "nothing", number, url)
        fields = {"state": "closed", "state_reason": "completed"}
        closed = _send("PATCH", f"{path}/{number}", fields, marker)
        if closed.get("state") != "closed":
            raise OpsError(f"gh did not confirm that issue {number} is closed: {_end(str(closed))}")
        return _said("closed", closed, "number")
    if state == "well":
        return Said("nothing")
    return _said("created", _send("POST", path, {"title": subject, "body": body}, marker), "number")


def fitted(text: str) -> str:
    """As many whole lines as GitHub takes, and a line that says how many were left out."""
    if len(text.encode()) <= LIMIT:
        return text
    lines, size = text.splitlines(), 0
    kept: list[str] = []
    for line in lines:
        size += len(line.encode()) + 1
        if size > LIMIT - ROOM:
            break
        kept.append(line)
    left = f"**{len(lines) - len(kept)} of {len(lines)} lines were left out: too long for GitHub.**"
    fence = _open_fence(kept)
    return "\n".join([*kept, *([fence] if fence else []), "", left, ""])


def _open_fence(lines: list[str]) -> str | None:
    """The end of the block of code that is open after these lines."""
    fence: str | None = None
    for line in lines:
        found = re.match(r"(`{3,})(.*)", line)
        if found and fence is None:
            fence = found[1]
        elif found and fence is not None and len(found[1]) >= len(fence) and not found[2].strip():
            fence = None
    return fence


def _lead(subject: str, state: State) -> str:
    return f"**{subject}** is {'not as it should be' if state == 'failing' else 'well again'}."


def _fenced(report: str) -> str:
    """Text as it is: nobody is mentioned by it, and nothing in it is Markdown or a marker."""
    longest = max((len(run) for run in re.findall(r"`+", report)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{report.rstrip() or '(nothing was printed)'}\n{fence}\n"


def _same(there: str, wanted: str) -> bool:
    """Whether a body says it already: GitHub keeps other ends of lines."""
    return there.replace("\r\n", "\n").strip() == wanted.strip()


def _ours(query: str, marker: str, **numbers: int) -> Iterator[dict[str, Any]]:
    """What we wrote that begins with the marker, the oldest first, of all pages."""
    fields = ["-F", "owner={owner}", "-F", "name={repo}", "-f", f"query={query}"]
    for name, number in numbers.items():
        fields += ["-F", f"{name}={number}"]
    pages = _asked("graphql", "--paginate", "--slurp", *fields)
    for page in pages if isinstance(pages, list) and pages else [pages]:
        for one in _nodes(page):
            if one["viewerDidAuthor"] and one["body"].lstrip().startswith(marker):
                yield one


def _nodes(page: Any) -> list[dict[str, Any]]:
    """The things of one page. An answer without them is an error, not an empty one."""
    try:
        repository = page["data"]["repository"]
        found = repository["issues" if "issues" in repository else "issueOrPullRequest"]
        nodes: list[dict[str, Any]] = found.get("comments", found)["nodes"]
    except (KeyError, TypeError, AttributeError):
        raise OpsError(f"gh printed no list of them: {_end(json.dumps(page))}") from None
    return nodes


def _send(method: str, path: str, body: dict[str, Any], marker: str) -> dict[str, Any]:
    """What GitHub has after a change, if that is what was meant. Raises OpsError."""
    seen = _asked(path, "--method", method, "--input", "-", body=body)
    if not isinstance(seen, dict) or marker not in str(seen.get("body")):
        raise OpsError(f"gh did not confirm what it was told to write: {_end(json.dumps(seen))}")
    return seen


def _said(did: Literal["created", "updated", "closed"], seen: dict[str, Any], number: str) -> Said:
    return Said(did, seen.get(number), seen.get("html_url"))


def _asked(*words: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON that `gh api` prints. Raises OpsError where gh is not there or fails."""
    try:
        done = subprocess.run(
            ["gh", "api", *words],
            input=None if body is None else json.dumps(body),
            stdin=subprocess.DEVNULL if body is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise OpsError("gh is not on the PATH: see https://cli.github.com") from None
    if done.returncode == NOT_LOGGED_IN:
        raise OpsError("gh is not logged in", "gh auth login")
    if done.returncode:
        said = _end(done.stderr or done.stdout)
        raise OpsError(f"gh api {words[0]} ended with {done.returncode}: {said}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise OpsError(f"gh api {words[0]} printed no JSON: {_end(done.stdout)}") from None


def _end(text: str) -> str:
    """The end of what was said, in one line."""
    return " ".join(text.split())[-300:]
