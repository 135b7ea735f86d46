"""Which host a client calls: a sandbox's address as it is, and AWS's with the account before it."""

from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from ops.core.sandbox_endpoint import ENDPOINT_VARIABLE, keep_sandbox_host

ACCOUNT = "123456789012"


class EmptyAnswer:
    """The body of an answer without one."""

    def stream(self, **_: object) -> list[bytes]:
        return [b""]


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://127.0.0.1:4816", "http://127.0.0.1:4816/"),
        ("http://localhost:4816", "http://localhost:4816/"),
        ("https://proxy.example.com", f"https://{ACCOUNT}.proxy.example.com/"),
        (None, f"https://{ACCOUNT}.s3-control.eu-north-1.amazonaws.com/"),
    ],
)
def test_s3_control_is_called_at_the_address_of_a_sandbox(
    endpoint: str | None, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    if endpoint is not None:
        monkeypatch.setenv(ENDPOINT_VARIABLE, endpoint)
    session = boto3.Session(
        aws_access_key_id="key", aws_secret_access_key="word", region_name="eu-north-1"
    )
    client = session.client("s3control")
    keep_sandbox_host(client)
    urls: list[str] = []

    def answer(request: Any, **_: object) -> AWSResponse:
        urls.append(request.url)
        return AWSResponse(request.url, 200, HTTPHeaders(), EmptyAnswer())

    client.meta.events.register("before-send.s3-control", answer)
    client.get_public_access_block(AccountId=ACCOUNT)
    (url,) = urls
    assert url.startswith(host)
