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

HOME = Path(os.environ["GH_EXECUTABLE_HOME"])
STORE, FAULT = HOME / "github.json", HOME / "fault"
PAGE = 100
COMMENT = 3_000_000_000  # beyond what an integer of GraphQL holds
OURS = "github-actions[bot]"
Thing = dict[str, Any]


def fails(code: int, text: str) -> None:
    sys.stderr.write(f"gh: {text}\n")
    raise SystemExit(code)


def says(value: Any) -> None:
    sys.stdout.write(json.dumps(value))


def main() -> None:
    if not os.environ.get("GH_TOKEN"):
        fails(4, "To use GitHub CLI in a GitHub Actions workflow, set GH_TOKEN")
    owner, _, name = os.environ["GH_REPO"].partition("/")
    assert sys.argv[1] == "api"
    path, words = sys.argv[2], sys.argv[3:]
    with (HOME / "calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    known = json.loads(STORE.read_text(encoding="utf-8"))
    if path == "graphql":
        says(asked(known, fields(words, owner, name)))
        return
    path = path.replace("{owner}", owner).replace("{repo}", name)
    assert path.startswith("repos/o/n/"), path
    assert words[0] == "--method"
    assert words[2:] == ["--input", "-"]
    fault = FAULT.read_text(encoding="utf-8") if FAULT.exists() else ""
    FAULT.unlink(missing_ok=True)
    if fault == "refuse":
        fails(1, "Resource not accessible by integration (HTTP 403)")
    body = json.load(sys.stdin)
    if fault == "else":
        says({"id": 1, "html_url": "u", "body": "something else"})
        return
    seen = changed(known, words[1], path.removeprefix("repos/o/n/"), body)
    STORE.write_text(json.dumps(known), encoding="utf-8")
    if fault == "lose":
        fails(1, "unexpected EOF")
    says(seen)


def fields(words: list[str], owner: str, name: str) -> dict[str, str]:
    """The variables of a query; all pages of it are wanted."""
    assert words[:2] == ["--paginate", "--slurp"]
    found = {}
    for flag, word in zip(words[2::2], words[3::2], strict=True):
        key, _, value = word.partition("=")
        assert flag == ("-f" if key == "query" else "-F")
        found[key] = value.replace("{owner}", owner).replace("{repo}", name)
    assert (found["owner"], found["name"]) == ("o", "n")
    assert "$endCursor" in found["query"], "gh sets it for each page"
    return found


def asked(known: Thing, given: dict[str, str]) -> list[Thing]:
    """A query's answer, a page each hundred."""
    if "number" in given:
        if given["number"] not in known:
            fails(1, "Could not resolve to an issue or pull request with the number of it.")
        comments = known[given["number"]]["comments"]
        nodes = [
            {
                "fullDatabaseId": str(c["id"]),
                "url": c["url"],
                "body": c["body"],
                "viewerDidAuthor": c["author"] == OURS,
            }
            for c in comments
        ]
    else:
        nodes = [
            {
                "number": int(n),
                "url": one["url"],
                "body": one["body"],
                "viewerDidAuthor": one["author"] == OURS,
            }
            for n, one in known.items()
            if one["state"] == "open" and not one.get("pull")
        ]
    starts = range(0, max(len(nodes), 1), PAGE)
    return [
        page(
            "number" in given,
            {
                "nodes": nodes[at : at + PAGE],
                "pageInfo": {"hasNextPage": at + PAGE < len(nodes), "endCursor": str(at + PAGE)},
            },
        )
        for at in starts
    ]


def page(of_one: bool, found: Thing) -> Thing:
    inner = {"issueOrPullRequest": {"comments": found}} if of_one else {"issues": found}
    return {"data": {"repository": inner}}


def changed(known: Thing, method: str, path: str, body: Thing) -> Thing:
    """What GitHub has after a change. It keeps the ends of lines of the web's forms."""
    if len(body.get("body", "")) > 65_536:
        fails(1, "Validation Failed (HTTP 422) body is too long (maximum is 65536 characters)")
    if "body" in body:
        body["body"] = body["body"].replace("\n", "\r\n")
    number = 1 + max(
        (
            x
            for n, one in known.items()
            for x in (int(n), *(c["id"] % COMMENT for c in one["comments"]))
        ),
        default=0,
    )
    url = f"https://github.com/o/n/{number}"
    if method == "POST" and path == "issues":
        known[str(number)] = {
            **body,
            "number": number,
            "state": "open",
            "author": OURS,
            "url": url,
            "comments": [],
        }
        return {**known[str(number)], "html_url": url}
    if method == "POST" and (found := re.fullmatch(r"issues/(\d+)/comments", path)):
        comment = {"id": COMMENT + number, "url": url, "author": OURS, "body": body["body"]}
        known[found[1]]["comments"].append(comment)
        return {**comment, "html_url": url}
    if method == "PATCH" and (found := re.fullmatch(r"issues/comments/(\d+)", path)):
        (comment,) = [
            c for one in known.values() for c in one["comments"] if c["id"] == int(found[1])
        ]
        assert comment["author"] == OURS
        comment |= body
        return {**comment, "html_url": comment["url"]}
    assert method == "PATCH", path
    issue: Thing = known[path.removeprefix("issues/")]
    issue |= body
    return {**issue, "html_url": issue["url"]}


main()
