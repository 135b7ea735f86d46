"""What goes wrong with AWS's API, on request: throttles, denials, lost answers, late reads.

with faults.use(Throttled(0.2, seed=1), Denied(("rds.modify_db_instance",)), Lag(30)):
    ...

Faults act below the clients, on whole requests, so that whatever a client does about them (retry,
give up) is its own. In process they stand before moto; a served sandbox has them in front of its
server (faults_served.py).
"""

import json
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatch
from functools import cached_property
from typing import Annotated, Any, Final, Literal, TypeAlias
from unittest.mock import patch

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.request import Request, normalize_request
from moto.core.responses import ActionResult, BaseResponse
from moto.core.routing import get_service_router
from moto.core.utils import camelcase_to_underscores, get_service_model
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from ops.core.aws import reads
from sandbox.clock import clock
from sandbox.patches.patching import Refused

Reply: TypeAlias = tuple[int, Any, Any]  # status, headers, body
# What a request is signed for, where boto3 calls the service otherwise.
SIGNED: Final = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "email": "ses",
    "tagging": "resourcegroupstaggingapi",
}
# Error codes where a service has its own; else the common one.
THROTTLES: Final = {"ec2": "RequestLimitExceeded", "s3": "SlowDown"}
UNKNOWN: Final[Reply] = (404, {}, "no such address in AWS")
QUERY: Final = ("ec2", "rds", "elbv2", "autoscaling", "elasticache", "iam", "sns", "sts")
DENIALS: Final = {"ec2": "UnauthorizedOperation"}


class LostError(Exception):
    """The answer to a request never arrives."""


@dataclass(frozen=True)
class Asked:
    """A request to AWS. `perform` carries it out, and may be called again."""

    request: Request
    perform: Callable[[], Reply]

    @cached_property
    def service(self) -> str:
        """As boto3 calls it; empty where the request is not signed."""
        scope = str(self.request.headers.get("Authorization", "")).partition("Credential=")[2]
        parts = scope.split(",")[0].split("/")
        name = parts[-2] if len(parts) >= 5 else ""
        return SIGNED.get(name, name)

    @cached_property
    def api(self) -> str:
        """In boto3's spelling, like rds.modify_db_instance; empty where it is none."""
        action = (
            self.request.values.get("Action")
            or self.request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        )
        if not action and "/operation/" in self.request.path:  # Smithy's RPC
            action = self.request.path.rpartition("/")[2]
        if not action and self.service:
            action = _routed(self.service, self.request)
        return f"{self.service}.{camelcase_to_underscores(action)}" if action else ""

    @cached_property
    def key(self) -> str:
        """What makes two requests the same question: operation, region and parameters."""
        scope = str(self.request.headers.get("Authorization", "")).split("/")[2:3]
        return repr((self.api, scope, self.request.url, self.request.values, self.request.data))

    def refused(self, code: str, message: str, status: int = 400) -> Reply:
        """An error as the service would say it."""
        response = BaseResponse(self.service)
        response.setup_class(self.request, self.request.url, self.request.headers)
        response._get_action = lambda: _camel(self)  # type: ignore[method-assign]
        with warnings.catch_warnings():  # that the service's model does not name every code
            warnings.simplefilter("ignore")
            _, headers, body = response.serialized(ActionResult(Refused(code, message)))
        return status, headers, body


def _camel(asked: Asked) -> str:
    """The operation as its service spells it."""
    wanted = asked.api.partition(".")[2]
    names = get_service_model(asked.service).operation_names
    return next((n for n in names if camelcase_to_underscores(n) == wanted), wanted)


def _routed(service: str, request: Request) -> str:
    """The operation of a REST service. S3's bucket may stand in the host."""
    host, _, _ = request.host.partition(".s3.")
    if service == "s3" and host != request.host:
        url = f"http://s3/{host}{request.full_path}"
        request = Request.from_primitives(request.method, url, dict(request.headers))
    try:
        operation, _ = get_service_router(service).match(request)
    except Exception:  # not found, in several libraries' words: no operation of the service
        return ""
    return str(operation.name)


Onward: TypeAlias = Callable[[Asked], Reply]
# Behind an operation may stand whose: `s3.put_object */runs/*`.
Apis = Annotated[
    tuple[str, ...],
    Field(description="patterns like rds.modify_* or *, or with a path: s3.put_object */runs/*"),
]


def _meant(apis: tuple[str, ...], asked: Asked) -> bool:
    whole = f"{asked.api} {asked.request.path}"
    return any(fnmatch(whole if " " in one else asked.api, one) for one in apis)


@checked
class Throttled:
    """A share of the calls is throttled."""

    share: Annotated[float, Field(ge=0, le=1)] = 1
    seed: int = 0
    apis: Apis = ("*",)
    fault: Literal["throttled"] = "throttled"

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def __call__(self, asked: Asked, onward: Onward) -> Reply:
        """Throttles or not; a throttled call has no effect."""
        if not _meant(self.apis, asked) or self.chance.random() >= self.share:
            return onward(asked)
        default = "Throttling" if asked.service in QUERY else "ThrottlingException"
        code = THROTTLES.get(asked.service, default)
        return asked.refused(code, "Rate exceeded", 503 if asked.service in THROTTLES else 400)


@checked
class Unavailable:
    """A share of the calls is answered with status 503 and has no effect."""

    share: Annotated[float, Field(ge=0, le=1)] = 1
    seed: int = 0
    apis: Apis = ("*",)
    fault: Literal["unavailable"] = "unavailable"

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def __call__(self, asked: Asked, onward: Onward) -> Reply:
        """Fails or not."""
        if not _meant(self.apis, asked) or self.chance.random() >= self.share:
            return onward(asked)
        return asked.refused("ServiceUnavailable", "Service is unavailable", 503)


@checked
class Denied:
    """Calls for which permission is missing, from some call on."""

    apis: Apis
    skip: Annotated[int, Field(ge=0)] = 0
    fault: Literal["denied"] = "denied"

    def __call__(self, asked: Asked, onward: Onward) -> Reply:
        """Denies what is meant, once so many have gone through."""
        if not _meant(self.apis, asked):
            return onward(asked)
        if self.skip:
            self.skip -= 1
            return onward(asked)
        default = "AccessDenied" if asked.service in (*QUERY, "s3") else "AccessDeniedException"
        code = DENIALS.get(asked.service, default)
        return asked.refused(code, f"User is not authorized to perform: {asked.api}", 403)


@checked
class Failing:
    """Calls that are refused with an error of the service's own."""

    apis: Apis
    code: str = "InternalFailure"
    message: str = "It failed"
    status: Annotated[int, Field(ge=400, le=599)] = 400
    fault: Literal["failing"] = "failing"

    def __call__(self, asked: Asked, onward: Onward) -> Reply:
        """Refuses what is meant."""
        if not _meant(self.apis, asked):
            return onward(asked)
        return asked.refused(self.code, self.message, self.status)


@checked
class LostAfter:
    """Calls that take effect, and whose answer is lost: after some, so many of them, then none."""

    apis: Apis
    times: Annotated[int, Field(ge=1)] = 1
    skip: Annotated[int, Field(ge=0)] = 0
    fault: Literal["lost-after"] = "lost-after"

    def __call__(self, asked: Asked, onward: Onward) -> Reply:
        """Carries out, and says nothing."""
        reply = onward(asked)
        if self.times and _meant(self.apis, asked):
            if self.skip:
                self.skip -= 1
                return reply
            self.times -= 1
            raise LostError(asked.api)
        return reply


@checked
class Lag:
    """Reads show a change `seconds` late on the sandbox's clock.

    What has been asked before a change is answered as right before it until then. A question
    that was never asked is answered by what is.
    """

    seconds: Annotated[float, Field(gt=0)]
    fault: Literal["lag"] = "lag"

    def __post_init__(self) -> None:
        self.known: dict[str, Asked] = {}
        self.stale: dict[str, tuple[datetime, Reply]] = {}

    def __call__(self, asked: Asked, onward: Onward) -> Reply:
        """Answers late, or keeps what a change is about to make old."""
        if reads(asked.api):
            self.known[asked.key] = asked
            return self._seen(asked, onward)
        before = {key: self._seen(read, onward) for key, read in self.known.items()}
        reply = onward(asked)
        until = clock().now() + timedelta(seconds=self.seconds)
        self.stale |= {key: (until, shown) for key, shown in before.items()}
        return reply

    def _seen(self, asked: Asked, onward: Onward) -> Reply:
        until, reply = self.stale.get(asked.key, (None, None))
        if until is not None and reply is not None and clock().now() < until:
            return reply
        return onward(asked)


Fault: TypeAlias = Throttled | Unavailable | Denied | Failing | LostAfter | Lag
FAULTS: Final = TypeAdapter[list[Fault]](list[Annotated[Fault, Field(discriminator="fault")]])
_now: list[Fault] = []
_answering = threading.local()


def current() -> list[Fault]:
    """The faults that there are now."""
    return list(_now)


def put(*faults: Fault) -> None:
    """These faults from now on, and no others."""
    _now[:] = faults


def parsed(text: str | bytes) -> list[Fault]:
    """Faults as JSON, like `[{"fault": "denied", "apis": ["rds.*"]}]`. Raises ValueError."""
    return FAULTS.validate_python(json.loads(text))


def answered(asked: Asked) -> Reply:
    """The answer to a request, with the faults that there are. Raises LostError.

    What AWS itself asks while it answers, as a function of the stack does, has none.
    """

    def from_(number: int) -> Onward:
        if number == len(faults):
            return lambda it: it.perform()
        return lambda it: faults[number](it, from_(number + 1))

    faults = current()
    if getattr(_answering, "now", False) or not faults or not asked.api:
        return asked.perform()
    _answering.now = True
    try:
        return from_(0)(asked)
    finally:
        _answering.now = False


def _read(request: AWSPreparedRequest) -> AWSPreparedRequest:
    """The request with its body read, so that it can be asked for more than once."""
    read = getattr(request.body, "read", None)
    body = read() if read else request.body
    return AWSPreparedRequest(request.method, request.url, request.headers, body, False)


@contextmanager
def use(*faults: Fault) -> Iterator[None]:
    """These faults for the clients of this process, until the end of the block."""
    before, original = current(), BotocoreStubber.process_request

    def process(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        whole = _read(request)
        asked = Asked(normalize_request(whole), lambda: original(stubber, whole) or UNKNOWN)
        try:
            return answered(asked)
        except LostError:
            raise ReadTimeoutError(endpoint_url=request.url) from None

    put(*faults)
    try:
        with patch.object(BotocoreStubber, "process_request", process):
            yield
    finally:
        put(*before)
