"""Carries out one action of a plan: an AWS call, a statement, a request, a command."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import JsonValue

from ops.core import clock
from ops.core.access_keys import run_access_keys
from ops.core.aws import Aws, explain_error
from ops.core.container_tasks import run_container_task
from ops.core.credentials import CALL_ERRORS
from ops.core.errors import (
    BusyError,
    CredentialsError,
    DeniedError,
    OpsError,
    OutcomeUnknownError,
    RefusedError,
    UnreachableError,
)
from ops.core.local_commands import Shell, Workstation
from ops.core.plan import (
    REFERENCE_NOT_FOUND,
    AccessKeys,
    Action,
    Call,
    ContainerTask,
    Handshake,
    Http,
    JsonObject,
    OpsCommand,
    ProgramCommand,
    SavedFile,
    SentRecord,
    Sql,
    lookup,
)
from ops.core.private_files import open_private_file
from ops.core.tls_handshake import observe_served_certificate
from ops.core.url_requests import fetch_url

SqlRunner = Callable[[Sql], list[dict[str, JsonValue]]]
ShellRunner = Callable[[Shell], JsonValue]


# What Pulumi says if another holds its lock: of backends of one's own, and of Pulumi Cloud. Its
# text is all there is: no category of its exit codes is a lock ("Pulumi CLI Exit Codes"), no event
# is written before the lock is had, and its Automation API looks for the same texts. If they
# change, the command fails with Pulumi's words, and only the advice to cancel is lost.
PULUMI_LOCKED_MESSAGES: Final = (
    "the stack is currently locked by",
    "Another update is currently in progress",
)
# Seconds between two looks at what a command that takes long has said.
MAX_PREVIEW_CHARACTERS: Final = 200_000  # of the text of a preview; its end says why it failed
POLL_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Actions:
    """What the engine acts with. `sql` is set if the plan has statements.

    `workstation` is what the plan's local commands need of this machine, `now` the time in seconds
    since the epoch.
    """

    aws: Aws
    sql: SqlRunner | None = None
    shell: ShellRunner | None = None
    workstation: Workstation = field(default_factory=Workstation)
    now: Callable[[], float] = lambda: clock.now().timestamp()

    def __call__(self, action: Action, step_results: dict[str, JsonValue]) -> JsonValue:
        """Carries out one action, given what earlier steps saw.

        An error code that the call lists as an answer is `{"answer": code}`; any other refusal
        by AWS raises RefusedError.
        """
        match action:
            case Call():
                return self._call_aws(action, step_results)
            case Sql():
                if self.sql is None:
                    raise OpsError("this plan has SQL, and there is no way to the database")
                return self._run_sql(self.sql, action)
            case Http():
                return fetch_url(action.url, method=action.method, timeout_seconds=action.timeout)
            case AccessKeys():
                return run_access_keys(self.aws, action, step_results, self.now())
            case Handshake():
                return observe_served_certificate(
                    action.host, action.port, action.server_name, action.timeout
                )
            case ContainerTask():
                return run_container_task(self.aws, action, step_results)
            case OpsCommand():
                return self._run_command(self.workstation.build_shell(action))
            case ProgramCommand():
                self.workstation.fetch_missing_files(action, self._fetch_file)
                return self._run_command(self.workstation.build_shell(action))
            case SentRecord():
                raise OpsError(f"whether {action.step} was sent is in the journal, not in AWS")

    def _fetch_file(self, saved_file: SavedFile, file: Path) -> None:
        client = self.aws.client("s3", saved_file.region)
        try:
            body = client.get_object(Bucket=saved_file.bucket, Key=saved_file.key)["Body"].read()
        except CALL_ERRORS as error:
            raise explain_error(error, "s3.get_object") from error
        with open_private_file(file) as stream:
            stream.write(body)

    def _run_command(self, shell: Shell) -> JsonValue:
        result: Any = (self.shell or run_shell_command)(shell)
        exit_code = result["exit"]
        if not shell.strict or exit_code == 0:
            return result  # type: ignore[no-any-return]
        name, message = shell.argv[0], str(result["said"]).strip()
        if exit_code < 0:
            raise OutcomeUnknownError(
                f"{name} was killed by signal {-exit_code}: nobody knows how far it was"
            )
        if any(locked_message in message for locked_message in PULUMI_LOCKED_MESSAGES):
            raise BusyError(
                f"{name} is kept out by another that is at work, or was killed: {message[-500:]}",
                *_build_cancel_commands(shell),
            )
        raise RefusedError(f"{name} ended with {exit_code}: {message[-500:]}")

    def _run_sql(self, sql_runner: SqlRunner, sql: Sql) -> JsonValue:
        try:
            return {"rows": list(sql_runner(sql))}
        except CredentialsError:
            raise
        except (UnreachableError, DeniedError, OutcomeUnknownError) as error:
            if not sql.unreachable_is_answer:
                raise
            return {"rows": [], "answer": str(error)}

    def _call_aws(self, call: Call, step_results: dict[str, JsonValue]) -> JsonValue:
        params = dict(call.params)
        for name, path in call.refs.items():
            value = lookup(path, step_results)
            if value is None and REFERENCE_NOT_FOUND in call.expected_errors:
                return {"answer": REFERENCE_NOT_FOUND}
            if value is None:
                raise RefusedError(f"{call.api}: {name} should come from {path}, nothing is there")
            params = _replace_parameter(params, name.split("."), value)
        for name, reference in call.secrets.items():
            params[name] = self.aws.get_secret(reference)
        for name, path in call.files.items():
            try:
                file = Path(self.workstation.resolve_path(path))
                params[name] = file.read_text(encoding="utf-8")
            except OSError as error:
                raise OpsError(
                    f"{file} cannot be read ({error.strerror}): resume the run where it was started"
                ) from None
        for name, rewrite in call.rewrites.items():
            params[name] = json.dumps({**self._get_secret_keys(rewrite.secret), **rewrite.keys})
        try:
            return _parse_json_fields(call, self.aws.call(call.api, params, call.region))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in call.expected_errors:
                return {"answer": code}
            raise RefusedError(
                f"{call.api}: {code}: {error.response['Error'].get('Message')}"
            ) from error

    def _get_secret_keys(self, arn: str) -> dict[str, JsonValue]:
        """The secret's JSON object. Raises OpsError, without its value, if it is none."""
        try:
            return dict(json.loads(self.aws.get_secret(arn)))
        except (ValueError, TypeError):
            raise OpsError(f"the secret {arn} must be a JSON object") from None


def _replace_parameter(params: JsonObject, path: Sequence[str], value: JsonValue) -> JsonObject:
    """Returns a copy of the parameters with a value at a path, as text in place of a text."""
    name, *rest = path
    inner = params.get(name)
    if rest:
        value = _replace_parameter(inner if isinstance(inner, dict) else {}, rest, value)
    elif isinstance(inner, str) and not isinstance(value, str):
        value = json.dumps(value)
    return {**params, name: value}


def _parse_json_fields(call: Call, response: JsonValue) -> JsonValue:
    """An answer with its documents as what they say; one that is no JSON stays the text it is."""
    if call.json_fields and isinstance(response, dict):
        for name in call.json_fields:
            with suppress(TypeError, ValueError):
                response[name] = json.loads(response.get(name))  # type: ignore[arg-type]
    return response


def run_shell_command(shell: Shell) -> JsonValue:
    """Exit code, the end of what it said, and its output where that is JSON.

    Raises UnreachableError if it cannot be started, so that nothing was done.
    """
    try:
        if shell.strict:
            return _run_with_live_output(shell)
        process = subprocess.run(
            shell.argv, cwd=shell.folder, capture_output=True, text=True, check=False
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        program = shell.argv[0]
        if error.filename == program:
            raise UnreachableError(f"{program} is not on the PATH") from None
        raise UnreachableError(
            f"{program} cannot be started in {error.filename}: {error.strerror}"
        ) from None
    try:
        output: JsonValue = json.loads(process.stdout)
    except ValueError:
        output = None
    said = process.stderr[-2000:]
    if _is_text_preview(shell):
        said += process.stdout[-MAX_PREVIEW_CHARACTERS:]
    return {"exit": process.returncode, "output": output, "said": said}


def _is_text_preview(shell: Shell) -> bool:
    """True for a preview as text: what it says is on standard output, where secrets are hidden."""
    return shell.argv[:2] == ("pulumi", "preview") and "--json" not in shell.argv


def _build_cancel_commands(shell: Shell) -> tuple[str, ...]:
    """What takes a lock away that nobody holds any more."""
    if "--stack" not in shell.argv:
        return ()
    stack = shell.argv[shell.argv.index("--stack") + 1]
    return (f"{shell.argv[0]} cancel --stack {stack}",)


def _run_with_live_output(shell: Shell) -> JsonValue:
    """The same of a command that takes long: what it says goes to stderr as it is said.

    It is no part of our process group and writes to a file, so that neither Ctrl-C nor our own end
    stops it halfway.
    """
    output_tail = partial_line = ""
    with (
        NamedTemporaryFile(prefix="ops-", suffix=".log") as log_file,
        Path(log_file.name).open(encoding="utf-8", errors="replace") as log_reader,
    ):
        process = subprocess.Popen(
            shell.argv,
            cwd=shell.folder,
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        has_ended = False
        while not has_ended:
            with suppress(subprocess.TimeoutExpired):
                has_ended = process.wait(POLL_SECONDS) is not None
            complete_lines, _, partial_line = (partial_line + log_reader.read()).rpartition("\n")
            if has_ended and partial_line:
                complete_lines, partial_line = f"{complete_lines}\n{partial_line}", ""
            for line in complete_lines.splitlines():
                sys.stderr.write(f"  {line}\n")
            output_tail = (
                (output_tail + complete_lines + "\n")[-2000:] if complete_lines else output_tail
            )
    return {"exit": process.returncode, "output": None, "said": output_tail}
