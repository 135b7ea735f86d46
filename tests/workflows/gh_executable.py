"""A `gh` for the PATH: `gh api` on a repository in a file, as far as `ops github` asks it.

The file `github.json` in the folder GH_EXECUTABLE_HOME holds the issues, of which pull requests are
some, by number; `calls` beside it what was asked. The file `fault` says what the next change does
instead: `refuse`, `lose` its answer, or write something `else`.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

GH_HOME = Path(os.environ["GH_EXECUTABLE_HOME"])
STORE_FILE, GH_FAULT_FILE = GH_HOME / "github.json", GH_HOME / "fault"
PAGE_SIZE = 100
FIRST_COMMENT_ID = 3_000_000_000  # beyond what an integer of GraphQL holds
ACTIONS_BOT = "github-actions[bot]"
JsonDict = dict[str, Any]


def exit_as_gh(code: int, text: str) -> None:
    sys.stderr.write(f"gh: {text}\n")
    raise SystemExit(code)


def print_gh_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value))


def main() -> None:
    if not os.environ.get("GH_TOKEN"):
        exit_as_gh(4, "To use GitHub CLI in a GitHub Actions workflow, set GH_TOKEN")
    owner, _, name = os.environ["GH_REPO"].partition("/")
    assert sys.argv[1] == "api"
    path, words = sys.argv[2], sys.argv[3:]
    with (GH_HOME / "calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    issues = json.loads(STORE_FILE.read_text(encoding="utf-8"))
    if path == "graphql":
        print_gh_json(answer_query(issues, parse_query_fields(words, owner, name)))
        return
    path = path.replace("{owner}", owner).replace("{repo}", name)
    assert path.startswith("repos/o/n/"), path
    assert words[0] == "--method"
    assert words[2:] == ["--input", "-"]
    fault = GH_FAULT_FILE.read_text(encoding="utf-8") if GH_FAULT_FILE.exists() else ""
    GH_FAULT_FILE.unlink(missing_ok=True)
    if fault == "refuse":
        exit_as_gh(1, "Resource not accessible by integration (HTTP 403)")
    body = json.load(sys.stdin)
    if fault == "else":
        print_gh_json({"id": 1, "html_url": "u", "body": "something else"})
        return
    changed_item = apply_change(issues, words[1], path.removeprefix("repos/o/n/"), body)
    STORE_FILE.write_text(json.dumps(issues), encoding="utf-8")
    if fault == "lose":
        exit_as_gh(1, "unexpected EOF")
    print_gh_json(changed_item)


def parse_query_fields(words: list[str], owner: str, name: str) -> dict[str, str]:
    """The variables of a query; all pages of it are wanted."""
    assert words[:2] == ["--paginate", "--slurp"]
    query_fields = {}
    for flag, word in zip(words[2::2], words[3::2], strict=True):
        key, _, value = word.partition("=")
        assert flag == ("-f" if key == "query" else "-F")
        query_fields[key] = value.replace("{owner}", owner).replace("{repo}", name)
    assert (query_fields["owner"], query_fields["name"]) == ("o", "n")
    assert "$endCursor" in query_fields["query"], "gh sets it for each page"
    return query_fields


def answer_query(issues: JsonDict, query_fields: dict[str, str]) -> list[JsonDict]:
    """A query's answer, a page each hundred."""
    if "number" in query_fields:
        if query_fields["number"] not in issues:
            exit_as_gh(1, "Could not resolve to an issue or pull request with the number of it.")
        comments = issues[query_fields["number"]]["comments"]
        nodes = [
            {
                "fullDatabaseId": str(comment["id"]),
                "url": comment["url"],
                "body": comment["body"],
                "viewerDidAuthor": comment["author"] == ACTIONS_BOT,
            }
            for comment in comments
        ]
    else:
        nodes = [
            {
                "number": int(number),
                "url": issue["url"],
                "body": issue["body"],
                "viewerDidAuthor": issue["author"] == ACTIONS_BOT,
            }
            for number, issue in issues.items()
            if issue["state"] == "open" and not issue.get("pull")
        ]
    starts = range(0, max(len(nodes), 1), PAGE_SIZE)
    return [
        build_page(
            "number" in query_fields,
            {
                "nodes": nodes[start : start + PAGE_SIZE],
                "pageInfo": {
                    "hasNextPage": start + PAGE_SIZE < len(nodes),
                    "endCursor": str(start + PAGE_SIZE),
                },
            },
        )
        for start in starts
    ]


def build_page(is_single_issue: bool, connection: JsonDict) -> JsonDict:
    inner = (
        {"issueOrPullRequest": {"comments": connection}}
        if is_single_issue
        else {"issues": connection}
    )
    return {"data": {"repository": inner}}


def apply_change(issues: JsonDict, method: str, path: str, body: JsonDict) -> JsonDict:
    """What GitHub has after a change. It keeps the ends of lines of the web's forms."""
    if len(body.get("body", "")) > 65_536:
        exit_as_gh(1, "Validation Failed (HTTP 422) body is too long (maximum is 65536 characters)")
    if "body" in body:
        body["body"] = body["body"].replace("\n", "\r\n")
    number = 1 + max(
        (
            x
            for issue_number, known_issue in issues.items()
            for x in (
                int(issue_number),
                *(
                    known_comment["id"] % FIRST_COMMENT_ID
                    for known_comment in known_issue["comments"]
                ),
            )
        ),
        default=0,
    )
    url = f"https://github.com/o/n/{number}"
    if method == "POST" and path == "issues":
        issues[str(number)] = {
            **body,
            "number": number,
            "state": "open",
            "author": ACTIONS_BOT,
            "url": url,
            "comments": [],
        }
        return {**issues[str(number)], "html_url": url}
    if method == "POST" and (match := re.fullmatch(r"issues/(\d+)/comments", path)):
        comment = {
            "id": FIRST_COMMENT_ID + number,
            "url": url,
            "author": ACTIONS_BOT,
            "body": body["body"],
        }
        issues[match[1]]["comments"].append(comment)
        return {**comment, "html_url": url}
    if method == "PATCH" and (match := re.fullmatch(r"issues/comments/(\d+)", path)):
        (comment,) = [
            known_comment
            for known_issue in issues.values()
            for known_comment in known_issue["comments"]
            if known_comment["id"] == int(match[1])
        ]
        assert comment["author"] == ACTIONS_BOT
        comment |= body
        return {**comment, "html_url": comment["url"]}
    assert method == "PATCH", path
    issue: JsonDict = issues[path.removeprefix("issues/")]
    issue |= body
    return {**issue, "html_url": issue["url"]}


main()
