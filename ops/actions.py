"""Carries out one action of a plan: an AWS call, a statement, a request, a command."""

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.aws import Aws
from ops.errors import DeniedError, LostError, OpsError, RefusedError, UnreachableError
from ops.plan import Action, Call, Http, Shell, Sql, known

RunSql = Callable[[Sql], list[dict[str, JsonValue]]]
RunShell = Callable[[Shell], JsonValue]


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
        seen = (self.shell or command)(shell)
        if shell.strict and known("exit", seen) != 0:
            said = str(known("said", seen) or "").strip()
            raise RefusedError(f"{shell.argv[0]} ended with {known('exit', seen)}: {said[-500:]}")
        return seen

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
            return self.aws.call(call.api, params, call.region)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in call.answers:
                return {"answer": code}
            raise RefusedError(
                f"{call.api}: {code}: {error.response['Error'].get('Message')}"
            ) from error


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


def _watched(shell: Shell) -> JsonValue:
    """The same of a command that takes long: what it says goes to stderr line by line."""
    process = subprocess.Popen(
        shell.argv, cwd=shell.folder, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        sys.stderr.write(f"  {line}")
        said = (said + line)[-2000:]
    return {"exit": process.wait(), "output": None, "said": said}
