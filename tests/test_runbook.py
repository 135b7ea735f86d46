"""The runbook: every command on its pages is typed on a stack that is up, in the order of the page.

What a page leaves to its reader (IMAGE, RUN, PID) is put there by GIVEN, and what a command wants
to find beforehand by BEFORE. Commands that change something are agreed to with the hash of their
plan, as a program would. What is not covered: that what they do helps.
"""

import json
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from ops.cli.app import main
from sandbox.aws import get_client
from sandbox.image_push import push_image
from sandbox.program import PROJECT_ROOT
from sandbox.running_stack import RunningStack, serve_stack

PAGES = sorted((PROJECT_ROOT / "docs" / "runbook").glob("*.md"))
FINDINGS = (0, 3)  # what looks may find something: here, what the page before has left behind
LOOKS = (
    "health",
    "alarms list",
    "usage",
    "baseline compare",
    "recover compare",
    "recover drill",
    "recover ready",
    "check",
    "bootstrap check",
)


# Typed with a pretended Pulumi in tests/ops: test_rebuilding, test_states, test_deploying.
WANT_PULUMI = (
    "ops deploy",
    "ops recover rebuild",
    "ops recover region",
    "ops state backup",
    "ops state drift",
    "ops state restore",
)


def commands(page: Path) -> list[str]:
    """The lines of `ops` that a page shows in its blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("ops ")]


class Typed:
    """Types lines on the stack, and keeps what they say."""

    def __init__(self, it: RunningStack, capture: pytest.CaptureFixture[str]) -> None:
        self.it, self.capture = it, capture

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.capture.readouterr()
        code = main(list(words))
        said = self.capture.readouterr()
        return code, said.out, said.err

    def json(self, *words: str) -> Any:
        code, out, err = self(*words, "--output", "json")
        assert code == 0, err
        return json.loads(out)

    def agreed(self, words: list[str]) -> tuple[int, str, str]:
        """A line that wants to be agreed to, with the hash of its plan."""
        split = words.index("--") if "--" in words else len(words)
        front, rest = words[:split], words[split:]
        code, out, err = self(*front, "--dry-run", "--output", "json", *rest)
        assert code == 0, err
        found = json.loads(out)
        if "hash" not in found:  # there is nothing to do
            return code, out, err
        return self(*front, "--yes", "--expect", found["hash"], *rest)


@pytest.fixture(scope="module")
def prod() -> Iterator[RunningStack]:
    with serve_stack("prod", {"compute": "both"}, factor=1200) as it:
        ours = {k: v for k, v in it.settings.items() if k != "AWS_ENDPOINT_URL"}
        with patch.dict(os.environ, ours):
            yield it


@pytest.fixture
def typed(prod: RunningStack, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(prod, capsys)


def image(typed: Typed) -> str:
    """An image that the backend does not run yet."""
    url = str(typed.it.deployment.exports["registry"]["repositories"]["backend"])
    ecr, repository = get_client("ecr", "eu-north-1"), url.partition("/")[2]
    tag = f"v{len(ecr.list_images(repositoryName=repository)['imageIds']) + 1}"
    push_image(ecr, repository, tag)
    return f"{url}:{tag}"


def run(typed: Typed) -> str:
    """The newest run."""
    return str(typed.json("runs", "list", "--limit", "1")["items"][0]["run"])


def session(typed: Typed) -> str:
    """A session that does something for long."""
    part = typed.it.deployment.exports["database"]
    secret = json.loads(
        get_client("secretsmanager", "eu-north-1").get_secret_value(SecretId=part["secretArn"])[
            "SecretString"
        ]
    )
    connection = psycopg.connect(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
    )

    def slow() -> None:
        with connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT pg_sleep(60)")

    threading.Thread(target=slow, daemon=True).start()
    return str(connection.info.backend_pid)


def proven(typed: Typed) -> None:
    """Another revision that runs, so that there is one to go back to."""
    code, _, err = typed("service", "deploy", image(typed), "--service", "backend", "--yes")
    assert code in (0, 2), err  # 2: it runs already


def stopped_halfway(typed: Typed) -> None:
    """A run that timed out: RDS is at it still, and the lock is held for it."""
    code, _, err = typed("service", "scale", "5", "--service", "backend", "--yes", "--timeout", "1")
    assert code == 4, err


def stopped_again(typed: Typed) -> None:
    """Another one, of which nobody knows how far it has come."""
    code, _, err = typed("service", "restart", "--service", "backend", "--yes", "--timeout", "1")
    assert code == 4, err


def time(typed: Typed) -> str:
    """The latest time that the database can be restored to."""
    (found,) = [one for one in typed.json("db", "status")["items"] if one["role"] == "primary"]
    return str(found["restorable"])


def snapshot(typed: Typed) -> str:
    """A snapshot that operations made."""
    code, _, err = typed("db", "snapshot", "create", "--yes")
    assert code == 0, err
    return str(typed.json("db", "snapshot", "list")["items"][0]["snapshot"])


GIVEN: dict[str, Callable[[Typed], str]] = {
    "IMAGE": image,
    "RUN": run,
    "PID": session,
    "TIME": time,
    "SNAPSHOT": snapshot,
    "OWNER/NAME": lambda _: "owner/fork",
    "RECOVERY": lambda _: "eu-west-1",
}
BEFORE: dict[str, Callable[[Typed], None]] = {
    "service revisions": proven,
    "runs list": stopped_halfway,
    "lock break": stopped_again,
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_they_say(page: Path, typed: Typed) -> None:
    known: dict[str, str] = {}
    for line in commands(page):
        if line.startswith(WANT_PULUMI):
            continue
        for start, before in BEFORE.items():
            if line.startswith(f"ops {start}"):
                before(typed)
        words = shlex.split(line)[1:]
        for name in GIVEN.keys() & set(words):
            known.setdefault(name, GIVEN[name](typed))
            words = [known[name] if word == name else word for word in words]
        code, out, err = typed.agreed(words) if asks(words) else typed(*words, *agrees(words))
        wanted = FINDINGS if " ".join(words).startswith(LOOKS) else (0,)
        assert code in wanted, f"{line}\n{out}{err}"


def asks(words: list[str]) -> bool:
    """Whether a line shows a plan and asks, as its command's options say."""
    if "--dry-run" in words or words[:2] == ["bootstrap", "check"]:
        return False
    return "--dry-run" in said(words)


def agrees(words: list[str]) -> tuple[str, ...]:
    """What agrees to a line that asks, and has no plan of its own to show before."""
    return ("--yes",) if "--yes" in said(words) and "--dry-run" not in words else ()


def said(words: list[str]) -> str:
    """The help of a line's command."""
    import contextlib
    import io

    names = [word for word in words[:3] if re.fullmatch(r"[a-z][a-z-]*", word)]
    while names:
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = main([*names, "--help"])
        if code == 0:
            return told.getvalue()
        names.pop()
    raise AssertionError(f"{words} is no command")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_that_a_page_shows_are_there(page: Path) -> None:
    assert page.stem == "README" or commands(page)
    for line in commands(page):
        assert "Usage: ops" in said(shlex.split(line)[1:]), line


def test_every_page_is_in_the_index() -> None:
    index = (PROJECT_ROOT / "docs" / "runbook" / "README.md").read_text(encoding="utf-8")
    assert {f"({page.name})" for page in PAGES if page.stem != "README"} <= set(
        re.findall(r"\([\w-]+\.md\)", index)
    )
