"""AWS as operations call it: lazy clients, plain JSON answers, errors that say what to do.

Retries are botocore's `standard` mode and nothing else, and of a change only where it is known not
to have taken effect: sent again blindly, a reboot would be a second outage, and a change that is
at work already would be refused. Clients are made when first used: parsing a service's model is
most of what a short command costs.
"""

import datetime
import json
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, Final, TypeAlias

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    ParamValidationError,
)
from pydantic import JsonValue

from ops.core.aws_time import AWS_TIME_OFFSET
from ops.core.credential_renewal import CredentialRenewal
from ops.core.credentials import (
    CALL_ERRORS,
    RENEWABLE_CODES,
    CallError,
    explain_credentials_error,
    set_active_profile,
)
from ops.core.errors import (
    DeniedError,
    OpsError,
    OutcomeUnknownError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from ops.core.sandbox_endpoint import keep_sandbox_host

CLIENT_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 10},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    user_agent_extra="bulwark-ops",
)
THROTTLING_ERROR_CODES: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "SlowDown",
        "PriorRequestNotComplete",
        "LimitExceededException",
    }
)
ACCESS_DENIED_CODES: Final = frozenset(
    {
        "403",  # of a HEAD, whose answer has no body to name it
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "AuthFailure",  # of EC2, which uses it for permissions as well as for credentials
        "NotAuthorized",
        "NotAuthorizedException",
        "OptInRequired",
    }
)
# How the names of operations begin that change nothing.
# What operations call the length of a page; a read that has none wants all of them.
PAGE_SIZES: Final = frozenset(("MaxRecords", "MaxResults", "maxResults", "MaxItems", "PageSize"))
# The token of the next page in lists without a paginator, in the answer and in the next request.
PAGE_TOKENS: Final = ("nextToken", "NextToken", "NextPageToken")
READ_PREFIXES: Final = (
    "batch_get_",
    "describe_",
    "download_",
    "filter_",
    "get_",
    "head_",
    "list_",
    "lookup_",
    "query",
    "scan",
    "search_",
    "select_",
    "simulate_",
    "test_",
)
AwsClient: TypeAlias = Any


class Aws:
    """One set of credentials in one region, with clients for other regions where asked.

    Where `apis` are named, nothing else can be called, and clients are made many times faster.
    `identity_region` is where the account is asked for, if not in `region`: that may be down.
    """

    def __init__(
        self,
        region: str,
        profile: str | None = None,
        apis: Collection[str] = (),
        identity_region: str | None = None,
    ) -> None:
        self.region, self.profile, self.apis = region, profile, apis
        self.identity_region = identity_region
        self._clients: dict[tuple[str, str], AwsClient] = {}
        self._lock = threading.Lock()
        self._change_state = threading.local()

    @cached_property
    def _session(self) -> botocore.session.Session:
        set_active_profile(self.profile)
        session = botocore.session.Session(profile=self.profile)
        session.get_scoped_config()  # raises if the profile or the config is bad
        if self.apis:
            from ops.core.service_models import build_loader

            session.register_component("data_loader", build_loader(self.apis))
        return session

    @cached_property
    def _renewal(self) -> CredentialRenewal:
        return CredentialRenewal(self._session, self.region, self.profile)

    def client(self, service: str, region: str | None = None) -> AwsClient:
        """A client, made when first asked for; safe to ask for from several threads.

        Raises UsageError or CredentialsError if the AWS config or the credentials are bad.
        """
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                try:
                    new_client = self._session.create_client(
                        service, region_name=key[1], config=CLIENT_CONFIG
                    )
                    keep_sandbox_host(new_client)
                except CALL_ERRORS as error:
                    explained_error = explain_credentials_error(error, service)
                    if explained_error is None:
                        raise
                    raise explained_error from None
                events: Any = new_client.meta.events  # whose stubs know of no handler that answers
                service_id = new_client.meta.service_model.service_id.hyphenize()
                events.register_first(f"before-send.{service_id}", AWS_TIME_OFFSET.on_send)
                events.register_first(f"before-parse.{service_id}", AWS_TIME_OFFSET.on_answer)
                events.register_first(f"needs-retry.{service_id}", self._prevent_retry)
                events.register_first(f"needs-retry.{service_id}", self._retry_if_renewed)
                self._clients[key] = new_client
            return self._clients[key]

    def call(self, api: str, params: dict[str, JsonValue], region: str | None = None) -> JsonValue:
        """One call, its answer as plain JSON. Raises ClientError, or an OpsError with advice.

        A list is read to its end, its pages put together, unless `params` say how long a page is.
        A ClientError is what AWS answered; a denial, a throttle and no answer have types of
        their own, so that none of them is ever taken for "not found". LostError is of a change
        only: it may have taken effect.
        """
        service, operation = api.split(".")
        self._change_state.now = not is_read_call(api)
        try:
            client = self.client(service, region)
            if is_read_call(api) and not PAGE_SIZES & {*params}:
                return _join_pages(_list_pages(client, operation, params))
            response = getattr(client, operation)(**params)
        except CALL_ERRORS as error:
            explained_error = explain_error(error, api)
            if self._change_state.now and is_outcome_unknown(error):
                raise OutcomeUnknownError(str(explained_error)) from error
            raise explained_error from error
        finally:
            self._change_state.now = False
        result: JsonValue = convert_to_json(response)
        return result

    def list_items(
        self,
        api: str,
        key: str,
        params: dict[str, JsonValue] | None = None,
        region: str | None = None,
    ) -> Iterator[Any]:
        """Every item of `key` over all pages of a list operation; errors as `call`'s."""
        service, operation = api.split(".")
        client = self.client(service, region)
        try:
            for page in _list_pages(client, operation, params or {}):
                yield from convert_to_json(page).get(key) or ()
        except CALL_ERRORS as error:
            raise explain_error(error, api) from error

    def list_pages(
        self, api: str, params: dict[str, JsonValue], region: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The answers of a list operation, page after page, empty ones too; errors as `call`'s."""
        service, operation = api.split(".")
        try:
            for page in self.client(service, region).get_paginator(operation).paginate(**params):
                yield convert_to_json(page)
        except CALL_ERRORS as error:
            raise explain_error(error, api) from error

    def list_first_items(
        self, api: str, key: str, params: dict[str, JsonValue], region: str | None, max_pages: int
    ) -> tuple[list[Any], bool]:
        """The items of at most so many pages, and whether there are more; errors as `call`'s."""
        service, operation = api.split(".")
        pages = _list_pages(self.client(service, region), operation, params)
        items: list[Any] = []
        has_more = False
        try:
            for page in islice(pages, max_pages):
                items += convert_to_json(page).get(key) or ()
                has_more = any(page.get(name) for name in PAGE_TOKENS)
        except CALL_ERRORS as error:
            raise explain_error(error, api) from error
        return items, has_more

    def _prevent_retry(self, response: Any, caught_exception: Any, **_: object) -> bool | None:
        """Keeps botocore from sending a change again that may have taken effect (False does)."""
        if not getattr(self._change_state, "now", False):
            return None
        error = caught_exception
        if response is not None and response[0].status_code >= 500:
            error = ClientError(response[1], "")
        return False if error is not None and is_outcome_unknown(error) else None

    def _retry_if_renewed(self, response: Any, attempts: int, **_: object) -> float | None:
        """Sends a call again, newly signed, if its credentials were over and there are newer ones.

        AWS does nothing with a call whose credentials are over, so that a change is safe too.
        """
        if response is None or attempts > 1:
            return None
        code = response[1].get("Error", {}).get("Code")
        if code not in RENEWABLE_CODES:
            return None
        return 0 if self._renewal.renew() else None

    def get_account(self) -> str:
        """The account of the credentials."""
        account = self.get_identity()[0]
        self._renewal.remember_account(account)
        return account

    def get_identity(self) -> tuple[str, str]:
        """The account of the credentials and its partition, like `aws`."""
        response: Any = self.call("sts.get_caller_identity", {}, self.identity_region)
        return str(response["Account"]), str(response["Arn"]).split(":")[1]

    def get_secret(self, reference: str) -> str:
        """The value at `arn#key` of a secret's JSON, or at `arn` the whole. Never logged.

        Raises RefusedError if AWS refuses the read, OpsError if the secret has no such key.
        """
        arn, _, key = reference.partition("#")
        try:
            response: Any = self.call("secretsmanager.get_secret_value", {"SecretId": arn})
        except ClientError as error:
            raise RefusedError(
                f"secretsmanager.get_secret_value of {arn}: {get_error_code(error)}: "
                f"{error.response['Error'].get('Message')}"
            ) from error
        text = str(response.get("SecretString") or "")
        if not key:
            return text
        try:
            return str(json.loads(text)[key])
        except (ValueError, KeyError, TypeError):  # whose message may have the secret in it
            raise OpsError(f"the secret {arn} must be JSON with the key {key}") from None


def _list_pages(
    client: Any, operation: str, params: Mapping[str, JsonValue]
) -> Iterator[Mapping[str, Any]]:
    """Yields every page of an answer, also where botocore has no paginator for a list.

    Raises OpsError if AWS gives the same token twice, which would never end.
    """
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate(**params)
        return
    send = getattr(client, operation)
    token_param: dict[str, JsonValue] = {}
    while True:
        page = send(**params, **token_param)
        yield page
        next_param = {name: page[name] for name in PAGE_TOKENS if page.get(name)}
        if not next_param:
            return
        if next_param == token_param:
            raise OpsError(f"{operation}: AWS answered twice with the same token of a next page")
        token_param = next_param


def _join_pages(pages: Iterable[Mapping[str, Any]]) -> JsonValue:
    """One answer of all pages: their lists one after another, the rest as the last page has it."""
    lists: dict[str, list[JsonValue]] = {}
    last_page: dict[str, JsonValue] = {}
    for page in pages:
        last_page = convert_to_json(page)
        for name, value in last_page.items():
            if isinstance(value, list):
                lists.setdefault(name, []).extend(value)
    return {**last_page, **lists}


def is_read_call(api: str) -> bool:
    """Whether an operation only looks, by its name."""
    return api.partition(".")[2].startswith(READ_PREFIXES)


def is_outcome_unknown(error: CallError) -> bool:
    """True if a failed call may still have taken effect: no answer, or a failure within AWS.

    Throttled calls and refused connections never do.
    """
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 and error.response["Error"]["Code"] not in THROTTLING_ERROR_CODES
    return isinstance(error, HTTPClientError)


def get_error_code(error: CallError) -> str:
    """AWS's code of an error; empty if it is not an answer of AWS."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def explain_error(error: CallError, api: str) -> Exception:
    """Bad credentials, a denial, a throttle or silence as an error with advice.

    Returns other answers of AWS, and errors of this program, as they are.
    """
    if (credentials_error := explain_credentials_error(error, api)) is not None:
        return credentials_error
    if isinstance(error, ClientError):
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in ACCESS_DENIED_CODES:
            return DeniedError(f"{api} was denied: {code}: {message}", "ops permissions")
        if (
            code in THROTTLING_ERROR_CODES
            or error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
        ):
            return ThrottledError(f"{api} got no answer: {code}: {message}; try again")
        return error
    if isinstance(error, ParamValidationError):
        return OpsError(f"{api} was not sent: {error}")
    if not isinstance(error, BotoCoreError):
        return error
    return UnreachableError(f"{api} got no answer: {error}")


def explain_bucket_error(error: CallError, api: str) -> Exception:
    """The same of the operations bucket, which may be gone with its region or its stack."""
    if get_error_code(error) != "NoSuchBucket":
        failure = explain_error(error, api)
        if isinstance(failure, ClientError):
            reason = failure.response["Error"].get("Message")
            return OpsError(f"{api} was refused: {get_error_code(error)}: {reason}")
        return failure
    return OpsError(
        f"{api}: the operations bucket is gone, which journals and the lock are kept in; they can "
        "be kept in a folder: set BULWARK_JOURNAL to one"
    )


def convert_to_json(value: Any) -> Any:
    """An answer as JSON: times as ISO 8601 in UTC, sets as lists, bytes as text."""
    if isinstance(value, dict):
        return {k: convert_to_json(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, list | tuple | set):
        return [convert_to_json(v) for v in value]
    if isinstance(value, bytes):  # a document, like IAM's credential report
        return value.decode(errors="replace")
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return value if isinstance(value, str | int | float | bool | None) else str(value)
