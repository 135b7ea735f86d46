"""The sandbox's own addresses, if AWS_ENDPOINT_URL leads to a sandbox of this machine.

A sandbox's names are in its own Route 53, which no resolver of this machine asks: its URLs are
requested at the local address that it answers with.
"""

import ipaddress
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

ENDPOINT_VARIABLE: Final = "AWS_ENDPOINT_URL"
IMAGES_PATH: Final = "/sandbox-api/images"
DNS_PATH: Final = "/sandbox-api/dns"
ADDRESSES_PATH: Final = "/sandbox-api/addresses"
# Source: ECR API reference, repositoryName of CreateRepository and imageTag of PutImage.
PUSHED_IMAGE_PATTERN: Final = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/-]*):(?P<tag>\w[\w.-]{0,127})", re.ASCII
)
ACCOUNT_LABEL_PATTERN: Final = re.compile(r"^(http://)\d{12}\.")
ANSWER_TIMEOUT_SECONDS: Final = 30.0
# A sandbox is never behind a proxy.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoSandboxError(ValueError):
    """The endpoint is not a sandbox's; the message says what it is."""


def find_local_endpoint() -> str | None:
    """The endpoint URL if it is one of this machine, as a sandbox's is; None otherwise."""
    endpoint = os.environ.get(ENDPOINT_VARIABLE, "").rstrip("/")
    parts = urllib.parse.urlsplit(endpoint)
    if parts.scheme != "http" or not parts.hostname:
        return None
    if parts.hostname == "localhost":
        return endpoint
    try:
        return endpoint if ipaddress.ip_address(parts.hostname).is_loopback else None
    except ValueError:
        return None


def keep_sandbox_host(client: Any) -> None:
    """Lets a client call a sandbox of this machine by the address that it is served at.

    S3 Control puts the account before the host (its endpoint rules), and no resolver knows that
    name. Any other endpoint is left as it is.
    """
    if find_local_endpoint() is not None:
        client.meta.events.register("before-sign.s3-control", _remove_account_label)


def _remove_account_label(request: Any, **_: object) -> None:
    request.url = ACCOUNT_LABEL_PATTERN.sub(r"\1", request.url)


def ask_sandbox(path: str, body: object = None) -> tuple[int, Any]:
    """Asks a local endpoint at one of a sandbox's own addresses; returns status and JSON.

    Raises NoSandboxError if there is none, nobody answers there, or not as a sandbox does.
    """
    endpoint = find_local_endpoint()
    if endpoint is None:
        raise NoSandboxError(
            f"{ENDPOINT_VARIABLE} is {os.environ.get(ENDPOINT_VARIABLE, '') or 'not set'}, must be "
            "the address that `ops sandbox` prints"
        )
    data = None if body is None else json.dumps(body).encode()
    try:
        with _OPENER.open(f"{endpoint}{path}", data, timeout=ANSWER_TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    except OSError as error:
        raise NoSandboxError(
            f"{ENDPOINT_VARIABLE} is {endpoint}, which has no answer: {error}"
        ) from None
    except ValueError:
        raise NoSandboxError(f"{ENDPOINT_VARIABLE} is {endpoint}, which is no sandbox") from None
    try:
        content = json.loads(text)
        content["error"]
    except (ValueError, TypeError, KeyError):
        raise NoSandboxError(f"{ENDPOINT_VARIABLE} is {endpoint}, which is no sandbox") from None
    return status, content


def build_url_request(url: str, method: str) -> urllib.request.Request:
    """The request for a URL; to a sandbox's local address if its Route 53 knows the name."""
    if find_local_endpoint() is not None:
        try:
            status, content = ask_sandbox(
                f"/sandbox-api/sites?{urllib.parse.urlencode({'url': url})}"
            )
        except NoSandboxError:
            status, content = 0, {}
        if status == 200:
            return urllib.request.Request(
                content["url"], method=method, headers={"Host": content["host"]}
            )
    return urllib.request.Request(url, method=method)


class RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to a name of the sandbox, too."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The request for the address that an answer leads to; None for no redirect."""
        redirected = super().redirect_request(req, fp, code, msg, headers, newurl)
        if redirected is None:
            return None
        return build_url_request(newurl, req.get_method())
