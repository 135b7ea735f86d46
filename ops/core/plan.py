"""Operations as data: what will be called, what must be seen, how to undo it.

A procedure looks at the stack and returns a `Plan`; the engine carries it out. A plan is plain
JSON, so it can be printed, hashed, journaled, resumed by another process, and turned into the IAM
policy that it needs. Nothing in it is a secret: `Call.secrets` only says where one is fetched.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Annotated, Any, Final, Literal, TypeAlias

import jmespath
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

State: TypeAlias = dict[str, JsonValue]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]

# Reads whose answer holds a secret: never what a step waits for, since what is seen is journaled.
SECRET_READS: Final = frozenset(
    {
        "secretsmanager.get_secret_value",
        "secretsmanager.batch_get_secret_value",
        "secretsmanager.get_random_password",
        "ecr.get_authorization_token",
        "rds.generate_db_auth_token",
    }
)
# The answer, where a call lists it as one, of a call that refers to what no step saw.
NOWHERE: Final = "NothingThere"
# The common part of JMESPath, JSONPath and JSONata, so that a plan can be handed to other engines.
PATH: Final = re.compile(r"[A-Za-z_]\w*(\[\d+\])*(\.[A-Za-z_]\w*(\[\d+\])*)*")


class Model(BaseModel):
    """Frozen, strict, plain JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rewrite(Model):
    """A secret's JSON with some keys put anew, none of them a secret."""

    secret: str
    keys: dict[str, str | int]


class Call(Model):
    """One AWS API call, in boto3's spelling.

    `refs` are parameters taken from what earlier steps saw, `secrets` parameters fetched from
    Secrets Manager (`arn#key`) right before the call. `answers` are error codes that are answers,
    like not found or already exists. `repeatable` says that twice equals once: the name is our
    own, a token is given, or the value is absolute. `rewrites` are parameters that are a secret's
    JSON (its ARN) with some keys put anew: what is not named goes along unseen. `files` are
    parameters that are what stands in a local file by then, which is too much for a journal.
    `documents` are keys of the answer that are JSON in a text, like a policy: seen as what it says.
    """

    kind: Literal["call"] = "call"
    api: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9_]+$")]
    params: State = {}
    refs: dict[str, str] = {}
    secrets: dict[str, str] = {}
    rewrites: dict[str, Rewrite] = {}
    files: dict[str, str] = {}
    answers: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    repeatable: bool = True
    region: str | None = None

    @property
    def service(self) -> str:
        """The service's name in boto3."""
        return self.api.split(".")[0]

    @property
    def operation(self) -> str:
        """The client's method in boto3."""
        return self.api.split(".")[1]


class Sql(Model):
    """Statements on the stack's database; the rows of the last are what is seen.

    `identifier` is a replica's, where it is not the primary; with `apart` it is that of an instance
    beside them, as a restore makes it, which `via` (`HOST:PORT`) leads to where its own address
    does not. `timeout` is in seconds, 0 for none. With `patient` it is an answer, not an error,
    that nobody answers or that the password is refused.
    """

    kind: Literal["sql"] = "sql"
    statement: str
    params: State = {}
    identifier: str | None = None
    apart: bool = False
    via: str | None = None
    patient: bool = False
    timeout: float = 30
    repeatable: bool = True


class Http(Model):
    """One request; status and a digest of the body are what is seen."""

    kind: Literal["http"] = "http"
    url: str
    method: Literal["GET", "HEAD"] = "GET"
    timeout: float = 10
    repeatable: bool = True


class Shell(Model):
    """One command, like pulumi; exit code and JSON output, where it is, are what is seen.

    With `strict` another exit code than 0 is a refusal, and what it says is shown while it runs.
    """

    kind: Literal["shell"] = "shell"
    argv: tuple[str, ...]
    folder: str | None = None
    strict: bool = False
    repeatable: bool = False


Action: TypeAlias = Annotated[Call | Sql | Http | Shell, Field(discriminator="kind")]


class Wait(Model):
    """Read until it is seen.

    All of `met` hold: the effect is there, and at rest. So does all of `same`: there stands what
    an earlier step saw, path for path, where it cannot be known when planning. One of `begun`
    holds: AWS has taken this very call. One of `failed` holds: it will never be met. One of `late`
    holds when the time is over: it has failed, else nobody knows. Keys are paths into what is
    read. `every` and `within` are seconds; `typical` is how long it usually takes, and `source`
    who says.
    """

    read: Action
    met: State
    same: dict[str, str] = {}
    begun: State = {}
    failed: dict[str, list[JsonValue]] = {}
    late: dict[str, list[JsonValue]] = {}
    every: float = 15
    within: float = 3600
    typical: float | None = None
    source: str | None = None


class Step(Model):
    """One change: what is called, the condition that says both "done already" and "done now".

    `ready` must be met before the call. `undo` are steps that take it back; `downtime` is in
    seconds, as far as it can be said beforehand.
    """

    name: Name
    says: str
    do: Action
    goal: Wait
    ready: Wait | None = None
    undo: "tuple[Step, ...]" = ()
    downtime: float = 0


class Plan(Model):
    """A whole operation. `run` identifies it; names that it creates carry `run`.

    `moments` are times, and what is seen, that follow from when it is carried out, by name: what is
    agreed to with the digest is "for an hour from then", whenever that is.
    """

    version: Literal[1] = 1
    run: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{2,62}$")]
    command: str
    stack: str
    account: str
    region: str
    reason: str = ""
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    moments: dict[str, str] = {}

    @model_validator(mode="after")
    def _sound(self) -> "Plan":
        seen: set[str] = set()
        for step in self.steps:
            earlier = frozenset(seen)
            for part in family(step):
                if part.name in seen:
                    raise ValueError(f"two steps are called {part.name}")
                # What undoes a step may refer to it, and to what undid a part of it before.
                _check(part, earlier | {before.name for before in _before(step, part)})
                seen.add(part.name)
        return self

    @property
    def digest(self) -> str:
        """A hash of what would be done, the same for the same plan whatever the run is called."""
        left_out = {"run", "reason", "moments"}
        body = json.dumps(self.model_dump(mode="json", exclude=left_out), sort_keys=True)
        for name, text in {"RUN": self.run, **self.moments}.items():
            body = body.replace(json.dumps(text)[1:-1], name)
        return hashlib.sha256(body.encode()).hexdigest()[:16]

    @property
    def duration(self) -> float:
        """Seconds that the waits usually take together, as far as their steps say."""
        return sum(step.goal.typical or 0 for step in self.steps)

    @property
    def downtime(self) -> float:
        """Seconds without service to expect."""
        return sum(step.downtime for step in self.steps)

    def actions(self) -> Iterator[Action]:
        """Everything that the plan may call, undo included, each where it stands."""
        for step in self.steps:
            for part in family(step):
                yield part.do
                yield part.goal.read
                if part.ready:
                    yield part.ready.read


def _before(step: Step, part: Step) -> Iterator[Step]:
    """What of a step's family is carried out before a part of it."""
    yield from takewhile(lambda one: one is not part, family(step))


def family(step: Step) -> Iterator[Step]:
    """A step and all that undoes it."""
    yield step
    for back in step.undo:
        yield from family(back)


def _check(step: Step, earlier: frozenset[str] | set[str]) -> None:
    """Raises ValueError where a step could not be carried out as it is written."""
    for wait in filter(None, (step.goal, step.ready)):
        if not wait.met:
            raise ValueError(f"{step.name} waits for nothing")
        if isinstance(wait.read, Call) and wait.read.api in SECRET_READS:
            raise ValueError(f"{step.name} would journal what {wait.read.api} answers")
        for path in (*wait.met, *wait.same, *wait.begun, *wait.failed, *wait.late):
            jmespath.compile(path)
        for path, other in wait.same.items():
            if not PATH.fullmatch(other) or other.split(".")[0] not in earlier:
                raise ValueError(f"{step.name} compares {path} with {other}, no earlier step")
    for action in (step.do, step.goal.read, *([step.ready.read] if step.ready else [])):
        for parameter, path in getattr(action, "refs", {}).items():
            if not PATH.fullmatch(path):
                raise ValueError(f"{step.name}.{parameter} is {path}, may be names and indices")
            if path.split(".")[0] not in earlier:
                raise ValueError(f"{step.name}.{parameter} refers to {path}, no earlier step")


def known(path: str, seen: Any) -> JsonValue:
    """What stands at a path of what was seen, or None."""
    value: JsonValue = jmespath.search(path, seen)
    return value
