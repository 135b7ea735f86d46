"""Faults of AWS's API, on request: throttling, denials, lost answers, late reads.

with inject_faults(DeniedFault(("rds.modify_db_instance",)), ReadLagFault(30)):
    ...

Faults act below the clients, on whole requests, so that each client's own reaction (retry, give up)
is tested. In process they act before moto; in a served sandbox before its server
(faults_served.py).
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

from ops.core.aws import is_read_call
from sandbox.clock import get_sandbox_clock
from sandbox.patches.patching import AwsError

RawReply: TypeAlias = tuple[int, Any, Any]  # status, headers, body
# The name in a request's signature, if boto3 has another name for the service.
SIGNED_SERVICES: Final = {
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "email": "ses",
    "tagging": "resourcegroupstaggingapi",
}
# Error codes of services that have their own; others use the common one.
THROTTLE_CODES: Final = {"ec2": "RequestLimitExceeded", "s3": "SlowDown"}
UNKNOWN_ADDRESS_REPLY: Final[RawReply] = (404, {}, "no such address in AWS")
QUERY_SERVICES: Final = ("ec2", "rds", "elbv2", "autoscaling", "elasticache", "iam", "sns", "sts")
DENIAL_CODES: Final = {"ec2": "UnauthorizedOperation"}


class AnswerLostError(Exception):
    """The answer to a request is lost."""


@dataclass(frozen=True)
class AwsRequest:
    """A request to AWS. `perform` carries it out, and may be called again."""

    request: Request
    perform: Callable[[], RawReply]

    @cached_property
    def service(self) -> str:
        """The service in boto3's spelling; empty if the request is not signed."""
        credential_scope = str(self.request.headers.get("Authorization", "")).partition(
            "Credential="
        )[2]
        parts = credential_scope.split(",")[0].split("/")
        name = parts[-2] if len(parts) >= 5 else ""
        return SIGNED_SERVICES.get(name, name)

    @cached_property
    def api(self) -> str:
        """The call, like boto3's rds.modify_db_instance; empty if it is not an API call."""
        action = (
            self.request.values.get("Action")
            or self.request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        )
        if not action and "/operation/" in self.request.path:  # Smithy's RPC
            action = self.request.path.rpartition("/")[2]
        if not action and self.service:
            action = _match_rest_operation(self.service, self.request)
        return f"{self.service}.{camelcase_to_underscores(action)}" if action else ""

    @cached_property
    def key(self) -> str:
        """The key of equal requests: operation, region and parameters."""
        date_scope = str(self.request.headers.get("Authorization", "")).split("/")[2:3]
        return repr(
            (self.api, date_scope, self.request.url, self.request.values, self.request.data)
        )

    def build_error_reply(self, code: str, message: str, status: int = 400) -> RawReply:
        """An error in the service's own format."""
        response = BaseResponse(self.service)
        response.setup_class(self.request, self.request.url, self.request.headers)
        response._get_action = lambda: _get_operation_name(self)  # type: ignore[method-assign]
        with warnings.catch_warnings():  # the service's model does not name every code
            warnings.simplefilter("ignore")
            _, headers, body = response.serialized(ActionResult(AwsError(code, message)))
        return status, headers, body


def _get_operation_name(aws_request: AwsRequest) -> str:
    """The operation in the service's spelling."""
    operation = aws_request.api.partition(".")[2]
    names = get_service_model(aws_request.service).operation_names
    return next((name for name in names if camelcase_to_underscores(name) == operation), operation)


def _match_rest_operation(service: str, request: Request) -> str:
    """The operation of a REST service. moto's router finds S3's bucket in the host name too."""
    try:
        operation, _ = get_service_router(service).match(request)
    except Exception:  # not found, in several libraries' words: no operation of the service
        return ""
    return str(operation.name)


RequestHandler: TypeAlias = Callable[[AwsRequest], RawReply]
FaultHandler: TypeAlias = Callable[[AwsRequest, RequestHandler], RawReply]
# An operation may be followed by a path: `s3.put_object */runs/*`.
ApiPatterns = Annotated[
    tuple[str, ...],
    Field(description="patterns like rds.modify_* or *, or with a path: s3.put_object */runs/*"),
]


def matches_api(patterns: tuple[str, ...], aws_request: AwsRequest) -> bool:
    """True if one of the patterns names the call."""
    api_and_path = f"{aws_request.api} {aws_request.request.path}"
    return any(
        fnmatch(api_and_path if " " in pattern else aws_request.api, pattern)
        for pattern in patterns
    )


@checked
class ThrottlingFault:
    """A share of the calls is throttled."""

    share: Annotated[float, Field(ge=0, le=1)] = 1
    seed: int = 0
    apis: ApiPatterns = ("*",)
    fault: Literal["throttled"] = "throttled"

    def __post_init__(self) -> None:
        self.random_source = random.Random(self.seed)

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Throttles or not; a throttled call has no effect."""
        if not matches_api(self.apis, aws_request) or self.random_source.random() >= self.share:
            return next_handler(aws_request)
        default_code = (
            "Throttling" if aws_request.service in QUERY_SERVICES else "ThrottlingException"
        )
        code = THROTTLE_CODES.get(aws_request.service, default_code)
        return aws_request.build_error_reply(
            code, "Rate exceeded", 503 if aws_request.service in THROTTLE_CODES else 400
        )


@checked
class UnavailableFault:
    """A share of the calls is answered with status 503 and has no effect."""

    share: Annotated[float, Field(ge=0, le=1)] = 1
    seed: int = 0
    apis: ApiPatterns = ("*",)
    fault: Literal["unavailable"] = "unavailable"

    def __post_init__(self) -> None:
        self.random_source = random.Random(self.seed)

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Fails or not."""
        if not matches_api(self.apis, aws_request) or self.random_source.random() >= self.share:
            return next_handler(aws_request)
        return aws_request.build_error_reply("ServiceUnavailable", "Service is unavailable", 503)


@checked
class DeniedFault:
    """Calls that are denied after a number of calls."""

    apis: ApiPatterns
    skip: Annotated[int, Field(ge=0)] = 0
    fault: Literal["denied"] = "denied"

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Denies matching calls after the first ones."""
        if not matches_api(self.apis, aws_request):
            return next_handler(aws_request)
        if self.skip:
            self.skip -= 1
            return next_handler(aws_request)
        default_code = (
            "AccessDenied"
            if aws_request.service in (*QUERY_SERVICES, "s3")
            else "AccessDeniedException"
        )
        code = DENIAL_CODES.get(aws_request.service, default_code)
        return aws_request.build_error_reply(
            code, f"User is not authorized to perform: {aws_request.api}", 403
        )


@checked
class ExpiredCredentialsFault:
    """Calls that are signed with an access key whose credentials are over.

    Source: AWS STS API reference, common errors: ExpiredTokenException, status 403; services of
    the query protocol and S3 say ExpiredToken.
    """

    access_key: str
    apis: ApiPatterns = ("*",)
    fault: Literal["expired"] = "expired"

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Refuses what is signed with that key."""
        signature = str(aws_request.request.headers.get("Authorization", ""))
        if f"Credential={self.access_key}/" not in signature or not matches_api(
            self.apis, aws_request
        ):
            return next_handler(aws_request)
        is_short = aws_request.service in (*QUERY_SERVICES, "s3")
        return aws_request.build_error_reply(
            "ExpiredToken" if is_short else "ExpiredTokenException",
            "The security token included in the request is expired",
            403,
        )


@checked
class ErrorFault:
    """Calls that are refused with one of the service's own errors."""

    apis: ApiPatterns
    code: str = "InternalFailure"
    message: str = "It failed"
    status: Annotated[int, Field(ge=400, le=599)] = 400
    fault: Literal["failing"] = "failing"

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Refuses matching calls."""
        if not matches_api(self.apis, aws_request):
            return next_handler(aws_request)
        return aws_request.build_error_reply(self.code, self.message, self.status)


@checked
class LostAnswerFault:
    """Calls that take effect but whose answer is lost: `times` calls, after `skip` calls."""

    apis: ApiPatterns
    times: Annotated[int, Field(ge=1)] = 1
    skip: Annotated[int, Field(ge=0)] = 0
    fault: Literal["lost-after"] = "lost-after"

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Performs the call and loses the answer."""
        reply = next_handler(aws_request)
        if self.times and matches_api(self.apis, aws_request):
            if self.skip:
                self.skip -= 1
                return reply
            self.times -= 1
            raise AnswerLostError(aws_request.api)
        return reply


@checked
class ReadLagFault:
    """Reads show a change `seconds` late on the sandbox's clock.

    Until then a read that was made before a change gets its old answer. A read that was never
    made before gets the current one.
    """

    seconds: Annotated[float, Field(gt=0)]
    fault: Literal["lag"] = "lag"

    def __post_init__(self) -> None:
        self.previous_reads: dict[str, AwsRequest] = {}
        self.stale_replies: dict[str, tuple[datetime, RawReply]] = {}

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Answers reads late; before a change, saves the answers that it makes old."""
        if is_read_call(aws_request.api):
            self.previous_reads[aws_request.key] = aws_request
            return self._get_visible_reply(aws_request, next_handler)
        old_replies = {
            key: self._get_visible_reply(previous_read, next_handler)
            for key, previous_read in self.previous_reads.items()
        }
        reply = next_handler(aws_request)
        end_time = get_sandbox_clock().now() + timedelta(seconds=self.seconds)
        self.stale_replies |= {key: (end_time, old_reply) for key, old_reply in old_replies.items()}
        return reply

    def _get_visible_reply(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        end_time, reply = self.stale_replies.get(aws_request.key, (None, None))
        if end_time is not None and reply is not None and get_sandbox_clock().now() < end_time:
            return reply
        return next_handler(aws_request)


Fault: TypeAlias = (
    ThrottlingFault
    | UnavailableFault
    | DeniedFault
    | ExpiredCredentialsFault
    | ErrorFault
    | LostAnswerFault
    | ReadLagFault
)
FAULTS_ADAPTER: Final = TypeAdapter[list[Fault]](
    list[Annotated[Fault, Field(discriminator="fault")]]
)
_active_faults: list[FaultHandler] = []
_thread_state = threading.local()


def list_active_faults() -> list[FaultHandler]:
    """The active faults."""
    return list(_active_faults)


def set_faults(*faults: FaultHandler) -> None:
    """Replaces all faults."""
    _active_faults[:] = faults


def parse_faults(text: str | bytes) -> list[Fault]:
    """Faults as JSON, like `[{"fault": "denied", "apis": ["rds.*"]}]`. Raises ValueError."""
    return FAULTS_ADAPTER.validate_python(json.loads(text))


def answer_with_faults(aws_request: AwsRequest) -> RawReply:
    """The answer to a request under the active faults. Raises AnswerLostError.

    Requests of AWS itself, as by the stack's rotation function, have no faults.
    """

    def build_handler(index: int) -> RequestHandler:
        if index == len(faults):
            return lambda handled_request: handled_request.perform()
        return lambda handled_request: faults[index](handled_request, build_handler(index + 1))

    faults = list_active_faults()
    if getattr(_thread_state, "now", False) or not faults or not aws_request.api:
        return aws_request.perform()
    _thread_state.now = True
    try:
        return build_handler(0)(aws_request)
    finally:
        _thread_state.now = False


def _buffer_body(request: AWSPreparedRequest) -> AWSPreparedRequest:
    """The request with its body read, so that it can be sent more than once."""
    read_body = getattr(request.body, "read", None)
    body = read_body() if read_body else request.body
    return AWSPreparedRequest(request.method, request.url, request.headers, body, False)


@contextmanager
def inject_faults(*faults: FaultHandler) -> Iterator[None]:
    """Activates these faults for the clients of this process until the end of the block."""
    previous_faults, original_process = list_active_faults(), BotocoreStubber.process_request

    def process_with_faults(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        buffered_request = _buffer_body(request)
        aws_request = AwsRequest(
            normalize_request(buffered_request),
            lambda: original_process(stubber, buffered_request) or UNKNOWN_ADDRESS_REPLY,
        )
        try:
            return answer_with_faults(aws_request)
        except AnswerLostError:
            raise ReadTimeoutError(endpoint_url=request.url) from None

    set_faults(*faults)
    try:
        with patch.object(BotocoreStubber, "process_request", process_with_faults):
            yield
    finally:
        set_faults(*previous_faults)
