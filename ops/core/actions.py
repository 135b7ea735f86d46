"""Carries out one action of a plan: an AWS call, a statement, a request, a command."""

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core.aws import Aws
from ops.core.errors import (
    BusyError,
    DeniedError,
    LostError,
    OpsError,
    RefusedError,
    UnreachableError,
)
from ops.core.plan import NOWHERE, Action, Call, Http, Shell, Sql, known

RunSql = Callable[[Sql], list[dict[str, JsonValue]]]
RunShell = Callable[[Shell], JsonValue]


# What Pulumi says where its lock is another's: of backends of one's own, and of Pulumi Cloud.
BUSY: Final = ("the stack is currently locked by", "Another update is currently in progress")
# Seconds between two looks at what a command that takes long has said.
LOOK: Final = 0.2


@dataclass(frozen=True)
class Actions:
    """What the engine acts with. `sql` is given where the procedure has any."""

    aws: Aws
    sql: RunSql | None = None
    shell: RunShell | None = None

    def __call__(self, action: Action, seen: dict[str, JsonValue]) -> JsonValue:
        """Carries out one action, given what earlier steps saw.

        An error code that the call lists as an answer is `{"answer": code}`; any other refusal
        by AWS raises RefusedError.
        """
        match action:
            case Call():
                return self._call(action, seen)
            case Sql():
                if self.sql is None:
                    raise OpsError("this plan has SQL, and there is no way to the database")
                return self._asked(self.sql, action)
            case Http():
                return fetch(action)
            case Shell():
                return self._typed(action)

    def _typed(self, shell: Shell) -> JsonValue:
        seen: Any = (self.shell or command)(shell)
        code = seen["exit"]
        if not shell.strict or code == 0:
            return seen  # type: ignore[no-any-return]
        name, said = shell.argv[0], str(seen["said"]).strip()
        if code < 0:
            raise LostError(f"{name} was killed by signal {-code}: nobody knows how far it was")
        if any(words in said for words in BUSY):
            raise BusyError(
                f"{name} is kept out by another that is at work, or was killed: {said[-500:]}",
                *_freeing(shell),
            )
        raise RefusedError(f"{name} ended with {code}: {said[-500:]}")

    def _asked(self, run: RunSql, sql: Sql) -> JsonValue:
        try:
            return {"rows": list(run(sql))}
        except (UnreachableError, DeniedError, LostError) as error:
            if not sql.patient:
                raise
            return {"rows": [], "answer": str(error)}

    def _call(self, call: Call, seen: dict[str, JsonValue]) -> JsonValue:
        params = dict(call.params)
        for name, path in call.refs.items():
            params[name] = known(path, seen)
            if params[name] is None and NOWHERE in call.answers:
                return {"answer": NOWHERE}
            if params[name] is None:
                raise RefusedError(f"{call.api}: {name} should come from {path}, nothing is there")
        for name, reference in call.secrets.items():
            params[name] = self.aws.secret(reference)
        for name, path in call.files.items():
            try:
                params[name] = Path(path).read_text(encoding="utf-8")
            except OSError as error:
                raise RefusedError(
                    f"{call.api}: {name} should be {path}: {error.strerror}"
                ) from None
        for name, rewrite in call.rewrites.items():
            params[name] = json.dumps(
                {**json.loads(self.aws.secret(rewrite.secret)), **rewrite.keys}
            )
        try:
            return _read(call, self.aws.call(call.api, params, call.region))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in call.answers:
                return {"answer": code}
            raise RefusedError(
                f"{call.api}: {code}: {error.response['Error'].get('Message')}"
            ) from error


def _read(call: Call, answer: JsonValue) -> JsonValue:
    """An answer with its documents as what they say; one that is no JSON stays the text it is."""
    if call.documents and isinstance(answer, dict):
        for name in call.documents:
            with suppress(TypeError, ValueError):
                answer[name] = json.loads(answer.get(name))  # type: ignore[arg-type]
    return answer


def fetch(http: Http) -> JsonValue:
    """Status and a digest of the body; no answer at all has status 0 and says why."""
    if not http.url.startswith(("http://", "https://")):
        raise OpsError(f"{http.url} is no URL of http or https")
    request = urllib.request.Request(http.url, method=http.method)
    try:
        with urllib.request.urlopen(request, timeout=http.timeout) as answer:
            body = answer.read(1 << 20)
            return {"status": answer.status, "digest": hashlib.sha256(body).hexdigest()[:16]}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "reason": error.reason}
    except OSError as error:
        return {"status": 0, "reason": str(error)}


def command(shell: Shell) -> JsonValue:
    """Exit code, the end of what it said, and its output where that is JSON."""
    if shell.strict:
        return _watched(shell)
    done = subprocess.run(shell.argv, cwd=shell.folder, capture_output=True, text=True, check=False)
    try:
        output: JsonValue = json.loads(done.stdout)
    except ValueError:
        output = None
    return {"exit": done.returncode, "output": output, "said": done.stderr[-2000:]}


def _freeing(shell: Shell) -> tuple[str, ...]:
    """What takes a lock away that nobody holds any more."""
    if "--stack" not in shell.argv:
        return ()
    stack = shell.argv[shell.argv.index("--stack") + 1]
    return (f"{shell.argv[0]} cancel --stack {stack}",)


def _watched(shell: Shell) -> JsonValue:
    """The same of a command that takes long: what it says goes to stderr as it is said.

    It is no part of our process group and writes to a file, so that neither Ctrl-C nor our own end
    stops it halfway.
    """
    said = left = ""
    with (
        NamedTemporaryFile(prefix="ops-", suffix=".log") as log,
        Path(log.name).open(encoding="utf-8", errors="replace") as says,
    ):
        process = subprocess.Popen(
            shell.argv,
            cwd=shell.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ended = False
        while not ended:
            with suppress(subprocess.TimeoutExpired):
                ended = process.wait(LOOK) is not None
            whole, _, left = (left + says.read()).rpartition("\n")
            if ended and left:
                whole, left = f"{whole}\n{left}", ""
            for line in whole.splitlines():
                sys.stderr.write(f"  {line}\n")
            said = (said + whole + "\n")[-2000:] if whole else said
    return {"exit": process.returncode, "output": None, "said": said}
