"""`ops github`: one comment of a pull request, one open issue of a subject, and what gh says."""

import json
import os
from pathlib import Path
from typing import Any

import graphql
import pytest

from ops.cli.app import main
from ops.github import comments as github
from ops.preview.page import PREVIEW_MARKER
from tests.workflows.github import OURS, Github

Capture = pytest.CaptureFixture[str]
SUBJECT = "prod: daily checks"


class Typed:
    """Lines that are typed beside a `gh`, and what they say."""

    def __init__(self, there: Github, folder: Path, capture: Capture) -> None:
        self.there, self.folder, self.capture = there, folder, capture

    def __call__(self, *words: str, text: str = "", code: int = 0) -> str:
        file = self.folder / "report"
        file.write_text(text, encoding="utf-8")
        self.capture.readouterr()
        ended = main([word if word != "FILE" else str(file) for word in words])
        said = self.capture.readouterr()
        assert ended == code, said.err
        return said.err if code else said.out

    def comment(self, text: str) -> dict[str, Any]:
        words = ("github", "comment", "FILE", "--pull-request", "7", "--output", "json")
        found: dict[str, Any] = json.loads(self(*words, text=text))
        return found

    def issue(self, text: str, state: str, subject: str = SUBJECT) -> dict[str, Any]:
        words = ("github", "issue", subject, "FILE", "--state", state, "--output", "json")
        found: dict[str, Any] = json.loads(self(*words, text=text))
        return found


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Typed:
    there = Github(tmp_path)
    for name, value in there.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return Typed(there, tmp_path, capsys)


def test_a_comment_is_written_once_and_then_over_itself(typed: Typed) -> None:
    first = typed.comment(f"{PREVIEW_MARKER}\none\n")
    assert (first["kind"], first["did"]) == ("github-comment", "created")
    assert typed.comment(f"{PREVIEW_MARKER}\ntwo\n")["did"] == "updated"
    again = typed.comment(f"{PREVIEW_MARKER}\ntwo\n")
    assert (again["did"], again["comment"]) == ("nothing", first["comment"])
    (only,) = typed.there.comments()
    assert only["body"].split() == [*PREVIEW_MARKER.split(), "two"]
    assert typed.there.changes() == 2


def test_its_own_is_found_beyond_the_first_page_and_nobody_elses_is_touched(typed: Typed) -> None:
    typed.there.others([f"{PREVIEW_MARKER}\nmine now"], author="mallory")
    typed.there.others([f"said {n}" for n in range(230)])
    typed.there.others([f"{PREVIEW_MARKER}\nold"], author=OURS)
    before = typed.there.comments()
    assert typed.comment(f"{PREVIEW_MARKER}\nnew")["did"] == "updated"
    after = typed.there.comments()
    assert after[:-1] == before[:-1]
    assert after[-1]["body"].endswith("new")


def test_a_comment_without_a_marker_gets_one_and_another_kind_is_another_comment(
    typed: Typed,
) -> None:
    typed.comment("plain")
    typed.comment(f"{PREVIEW_MARKER}\nof a preview")
    assert typed.comment("plain and new")["did"] == "updated"
    bodies = [one["body"] for one in typed.there.comments()]
    assert len(bodies) == 2
    assert bodies[0].endswith("plain and new")


def test_an_issue_is_opened_told_more_closed_and_opened_anew(typed: Typed) -> None:
    assert typed.issue("fine", "well") | {"schema": 1} == {
        "schema": 1,
        "kind": "github-issue",
        "did": "nothing",
        "issue": None,
        "url": None,
    }
    opened = typed.issue("database: failing", "failing")
    assert opened["did"] == "created"
    (one,) = typed.there.issues()
    assert one["title"] == SUBJECT
    assert "database: failing" in one["body"]
    assert typed.issue("database: failing", "failing")["did"] == "nothing"
    assert typed.issue("alarms: failing", "failing")["did"] == "commented"
    assert typed.issue("alarms: failing", "failing")["did"] == "nothing"
    assert typed.issue("disk", "failing", "staging: daily checks")["did"] == "created"
    assert len(typed.there.issues()) == 2
    closed = typed.issue("all 40 ok", "well")
    assert (closed["did"], closed["issue"]) == ("closed", opened["issue"])
    (done,) = typed.there.issues("closed")
    said = [one["body"] for one in done["comments"]]
    assert "alarms: failing" in said[0]
    assert "all 40 ok" in said[1]
    assert done["state_reason"] == "completed"
    assert typed.issue("database: failing", "failing")["issue"] != opened["issue"]


def test_an_answer_that_is_lost_is_no_success_and_is_not_written_twice(typed: Typed) -> None:
    words = ("github", "issue", SUBJECT, "FILE", "--state")
    typed.there.fault("lose")
    assert "unexpected EOF" in typed(*words, "failing", text="bad", code=1)
    assert typed.issue("bad", "failing")["did"] == "nothing"
    typed.there.fault("lose")
    assert "unexpected EOF" in typed(*words, "well", text="good", code=1)
    (still,) = typed.there.issues()
    assert len(still["comments"]) == 1
    assert typed.issue("good", "well")["did"] == "closed"
    (closed,) = typed.there.issues("closed")
    assert len(closed["comments"]) == 1


@pytest.mark.parametrize(
    ("fault", "says"), [("refuse", "not accessible by integration"), ("else", "did not confirm")]
)
def test_what_is_refused_or_not_confirmed_is_an_error(typed: Typed, fault: str, says: str) -> None:
    typed.there.fault(fault)
    line = ("github", "comment", "FILE", "--pull-request", "7")
    assert says in typed(*line, text="x", code=1)
    assert typed.there.comments() == []


def test_a_pull_request_that_is_not_there_is_an_error(typed: Typed) -> None:
    line = ("github", "comment", "FILE", "--pull-request", "8")
    assert "Could not resolve" in typed(*line, text="x", code=1)


def test_gh_that_is_not_logged_in_or_not_there_is_told(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("github", "comment", "FILE", "--pull-request", "7")
    monkeypatch.delenv("GH_TOKEN")
    said = typed(*line, text="x", code=1)
    assert said == "ops: gh is not logged in\n  gh auth login\n"
    monkeypatch.setenv("PATH", "/no/such/folder")
    assert typed(*line, text="x", code=1).startswith("ops: gh is not on the PATH")


@pytest.mark.parametrize("page", ["[{}]", "[]", '{"data": {"repository": null}}', "nonsense"])
def test_an_answer_that_is_no_list_is_never_an_empty_one(
    typed: Typed, page: str, tmp_path: Path
) -> None:
    gh = tmp_path / "bin" / "gh"
    gh.write_text(f"#!/bin/sh\ncat <<'EOF'\n{page}\nEOF\n", encoding="utf-8")
    line = ("github", "issue", SUBJECT, "FILE", "--state", "well")
    assert "gh" in typed(*line, text="x", code=1)


def test_a_report_that_is_too_long_is_cut_at_a_line_and_says_so(typed: Typed) -> None:
    text = "\n".join(f"ä {n} {'x' * 50}" for n in range(3000))
    typed.issue(text, "failing")
    (one,) = typed.there.issues()
    assert len(one["body"].encode()) <= github.MAX_COMMENT_BYTES + one["body"].count("\r")
    assert "lines were left out" in one["body"]
    assert one["body"].count("```") == 2, "the block of code has its end"
    assert typed.issue(text, "failing")["did"] == "nothing"


def test_nothing_in_a_report_is_markdown_or_a_marker(typed: Typed) -> None:
    typed.issue("@team\n```\n<!-- bulwark issue: other -->\n````", "failing")
    (one,) = typed.there.issues()
    fence = one["body"].replace("\r", "").splitlines()[3]
    assert fence == "`````text"
    assert typed.issue("y", "well", "other")["did"] == "nothing"
    assert github.fit_to_limit("short") == "short"


def test_as_a_table_it_is_a_line_for_each_field(typed: Typed) -> None:
    out = typed("github", "comment", "FILE", "--pull-request", "7", text="x")
    assert out == "did: created\ncomment: 3000000008\nurl: https://github.com/o/n/8\n"


# As GitHub's own schema has them, of what is asked.
SCHEMA = """
scalar URI
scalar BigInt
enum IssueState { OPEN CLOSED }
type Query { repository(owner: String!, name: String!): Repository }
type Repository {
  issueOrPullRequest(number: Int!): IssueOrPullRequest
  issues(first: Int, after: String, states: [IssueState!]): IssueConnection!
}
union IssueOrPullRequest = Issue | PullRequest
type Issue {
  number: Int! url: URI! body: String! viewerDidAuthor: Boolean!
  comments(first: Int, after: String): IssueCommentConnection!
}
type PullRequest { comments(first: Int, after: String): IssueCommentConnection! }
type IssueConnection { nodes: [Issue] pageInfo: PageInfo! }
type IssueCommentConnection { nodes: [IssueComment] pageInfo: PageInfo! }
type IssueComment { fullDatabaseId: BigInt url: URI! body: String! viewerDidAuthor: Boolean! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
"""


@pytest.mark.parametrize("query", [github.COMMENTS_QUERY, github.ISSUES_QUERY])
def test_a_query_is_one_of_githubs_schema(query: str) -> None:
    assert graphql.validate(graphql.build_schema(SCHEMA), graphql.parse(query)) == []
