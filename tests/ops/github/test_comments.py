"""`ops github`: one comment of a pull request, one open issue of a subject, and what gh says."""

import json
import os
from pathlib import Path
from typing import Any

import graphql
import pytest

from ops.cli.app import main
from ops.github.comments import COMMENTS_QUERY, ISSUES_QUERY, MAX_COMMENT_BYTES, fit_to_limit
from ops.preview.page import PREVIEW_MARKER
from tests.workflows.github import ACTIONS_BOT, FakeGithub

Capture = pytest.CaptureFixture[str]
ISSUE_SUBJECT = "prod: daily checks"


class GithubConsole:
    """Lines that are typed beside a `gh`, and what they say."""

    def __init__(self, fake_github: FakeGithub, folder: Path, capture: Capture) -> None:
        self.fake_github, self.folder, self.capture = fake_github, folder, capture

    def __call__(self, *words: str, text: str = "", code: int = 0) -> str:
        file = self.folder / "report"
        file.write_text(text, encoding="utf-8")
        self.capture.readouterr()
        exit_code = main([word if word != "FILE" else str(file) for word in words])
        captured = self.capture.readouterr()
        assert exit_code == code, captured.err
        return captured.err if code else captured.out

    def post_comment(self, text: str) -> dict[str, Any]:
        words = ("github", "comment", "FILE", "--pull-request", "7", "--output", "json")
        printed: dict[str, Any] = json.loads(self(*words, text=text))
        return printed

    def report_issue(self, text: str, state: str, subject: str = ISSUE_SUBJECT) -> dict[str, Any]:
        words = ("github", "issue", subject, "FILE", "--state", state, "--output", "json")
        printed: dict[str, Any] = json.loads(self(*words, text=text))
        return printed


@pytest.fixture
def github_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> GithubConsole:
    fake_github = FakeGithub(tmp_path)
    for name, value in fake_github.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return GithubConsole(fake_github, tmp_path, capsys)


def test_a_comment_is_created_once_and_then_updated(github_console: GithubConsole) -> None:
    first = github_console.post_comment(f"{PREVIEW_MARKER}\none\n")
    assert (first["kind"], first["did"]) == ("github-comment", "created")
    assert github_console.post_comment(f"{PREVIEW_MARKER}\ntwo\n")["did"] == "updated"
    again = github_console.post_comment(f"{PREVIEW_MARKER}\ntwo\n")
    assert (again["did"], again["comment"]) == ("nothing", first["comment"])
    (only,) = github_console.fake_github.list_comments()
    assert only["body"].split() == [*PREVIEW_MARKER.split(), "two"]
    assert github_console.fake_github.count_changes() == 2


def test_the_own_comment_is_found_on_any_page_and_others_are_left_alone(
    github_console: GithubConsole,
) -> None:
    github_console.fake_github.add_foreign_comments(
        [f"{PREVIEW_MARKER}\nmine now"], author="mallory"
    )
    github_console.fake_github.add_foreign_comments([f"said {n}" for n in range(230)])
    github_console.fake_github.add_foreign_comments([f"{PREVIEW_MARKER}\nold"], author=ACTIONS_BOT)
    before = github_console.fake_github.list_comments()
    assert github_console.post_comment(f"{PREVIEW_MARKER}\nnew")["did"] == "updated"
    after = github_console.fake_github.list_comments()
    assert after[:-1] == before[:-1]
    assert after[-1]["body"].endswith("new")


def test_a_comment_without_a_marker_gets_one_and_another_kind_is_another_comment(
    github_console: GithubConsole,
) -> None:
    github_console.post_comment("plain")
    github_console.post_comment(f"{PREVIEW_MARKER}\nof a preview")
    assert github_console.post_comment("plain and new")["did"] == "updated"
    bodies = [one["body"] for one in github_console.fake_github.list_comments()]
    assert len(bodies) == 2
    assert bodies[0].endswith("plain and new")


def test_an_issue_is_opened_told_more_closed_and_opened_anew(github_console: GithubConsole) -> None:
    assert github_console.report_issue("fine", "well") | {"schema": 1} == {
        "schema": 1,
        "kind": "github-issue",
        "did": "nothing",
        "issue": None,
        "url": None,
    }
    opened = github_console.report_issue("database: failing", "failing")
    assert opened["did"] == "created"
    (one,) = github_console.fake_github.list_issues()
    assert one["title"] == ISSUE_SUBJECT
    assert "database: failing" in one["body"]
    assert github_console.report_issue("database: failing", "failing")["did"] == "nothing"
    assert github_console.report_issue("alarms: failing", "failing")["did"] == "commented"
    assert github_console.report_issue("alarms: failing", "failing")["did"] == "nothing"
    assert (
        github_console.report_issue("disk", "failing", "staging: daily checks")["did"] == "created"
    )
    assert len(github_console.fake_github.list_issues()) == 2
    closed = github_console.report_issue("all 40 ok", "well")
    assert (closed["did"], closed["issue"]) == ("closed", opened["issue"])
    (done,) = github_console.fake_github.list_issues("closed")
    said = [one["body"] for one in done["comments"]]
    assert "alarms: failing" in said[0]
    assert "all 40 ok" in said[1]
    assert done["state_reason"] == "completed"
    assert github_console.report_issue("database: failing", "failing")["issue"] != opened["issue"]


def test_an_answer_that_is_lost_is_no_success_and_is_not_written_twice(
    github_console: GithubConsole,
) -> None:
    words = ("github", "issue", ISSUE_SUBJECT, "FILE", "--state")
    github_console.fake_github.set_fault("lose")
    assert "unexpected EOF" in github_console(*words, "failing", text="bad", code=1)
    assert github_console.report_issue("bad", "failing")["did"] == "nothing"
    github_console.fake_github.set_fault("lose")
    assert "unexpected EOF" in github_console(*words, "well", text="good", code=1)
    (still,) = github_console.fake_github.list_issues()
    assert len(still["comments"]) == 1
    assert github_console.report_issue("good", "well")["did"] == "closed"
    (closed,) = github_console.fake_github.list_issues("closed")
    assert len(closed["comments"]) == 1


@pytest.mark.parametrize(
    ("fault", "says"), [("refuse", "not accessible by integration"), ("else", "did not confirm")]
)
def test_a_refused_or_unconfirmed_comment_is_an_error(
    github_console: GithubConsole, fault: str, says: str
) -> None:
    github_console.fake_github.set_fault(fault)
    line = ("github", "comment", "FILE", "--pull-request", "7")
    assert says in github_console(*line, text="x", code=1)
    assert github_console.fake_github.list_comments() == []


def test_a_pull_request_that_is_not_there_is_an_error(github_console: GithubConsole) -> None:
    line = ("github", "comment", "FILE", "--pull-request", "8")
    assert "Could not resolve" in github_console(*line, text="x", code=1)


def test_gh_that_is_not_logged_in_or_not_there_is_told(
    github_console: GithubConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("github", "comment", "FILE", "--pull-request", "7")
    monkeypatch.delenv("GH_TOKEN")
    said = github_console(*line, text="x", code=1)
    assert said == "ops: gh is not logged in\n  gh auth login\n"
    monkeypatch.setenv("PATH", "/no/such/folder")
    assert github_console(*line, text="x", code=1).startswith("ops: gh is not on the PATH")


@pytest.mark.parametrize("page", ["[{}]", "[]", '{"data": {"repository": null}}', "nonsense"])
def test_an_answer_that_is_no_list_is_never_an_empty_one(
    github_console: GithubConsole, page: str, tmp_path: Path
) -> None:
    gh = tmp_path / "bin" / "gh"
    gh.write_text(f"#!/bin/sh\ncat <<'EOF'\n{page}\nEOF\n", encoding="utf-8")
    line = ("github", "issue", ISSUE_SUBJECT, "FILE", "--state", "well")
    assert "gh" in github_console(*line, text="x", code=1)


def test_a_report_that_is_too_long_is_cut_at_a_line_and_says_so(
    github_console: GithubConsole,
) -> None:
    text = "\n".join(f"ä {n} {'x' * 50}" for n in range(3000))
    github_console.report_issue(text, "failing")
    (one,) = github_console.fake_github.list_issues()
    assert len(one["body"].encode()) <= MAX_COMMENT_BYTES + one["body"].count("\r")
    assert "lines omitted: too long for GitHub" in one["body"]
    assert one["body"].count("```") == 2, "the block of code has its end"
    assert github_console.report_issue(text, "failing")["did"] == "nothing"


def test_nothing_in_a_report_is_markdown_or_a_marker(github_console: GithubConsole) -> None:
    github_console.report_issue("@team\n```\n<!-- bulwark issue: other -->\n````", "failing")
    (one,) = github_console.fake_github.list_issues()
    fence = one["body"].replace("\r", "").splitlines()[3]
    assert fence == "`````text"
    assert github_console.report_issue("y", "well", "other")["did"] == "nothing"
    assert fit_to_limit("short") == "short"


def test_table_output_of_a_comment_has_a_line_for_each_field(github_console: GithubConsole) -> None:
    out = github_console("github", "comment", "FILE", "--pull-request", "7", text="x")
    assert out == "did: created\ncomment: 3000000008\nurl: https://github.com/o/n/8\n"


# As GitHub's own schema has them, of what is asked.
GRAPHQL_SCHEMA = """
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


@pytest.mark.parametrize("query", [COMMENTS_QUERY, ISSUES_QUERY])
def test_a_query_is_one_of_githubs_schema(query: str) -> None:
    assert graphql.validate(graphql.build_schema(GRAPHQL_SCHEMA), graphql.parse(query)) == []
