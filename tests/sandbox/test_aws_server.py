"""The server of the in-memory AWS: connections that stay open, and no answer that is lost."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import boto3
import pytest
from botocore.config import Config

from sandbox import server
from sandbox.aws_server import AwsServer
from tests.sandbox.test_serve import SandboxProcess

CLIENTS = 50
CALLS_PER_CLIENT = 200
ANSWER_LIMIT_SECONDS = 20


@contextmanager
def open_server(application: Any) -> Iterator[AwsServer]:
    with server.open_listening_socket(0) as listening_socket:
        aws_server = AwsServer(listening_socket, application)
        thread = threading.Thread(target=aws_server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield aws_server
        finally:
            aws_server.shutdown()
            thread.join()
            aws_server.server_close()


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answers with the body if the path says so; otherwise the body is not read."""
    body = environ["wsgi.input"].read() if environ["PATH_INFO"] == "/read" else b"unread"
    start_response("200 OK", [("X-Path", environ["PATH_INFO"]), ("Content-Length", "999")])
    return [body[:1], body[1:]]


def empty(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("204 No Content", [])
    return [b""]


@pytest.fixture
def echo_server() -> Iterator[AwsServer]:
    with open_server(echo) as aws_server:
        yield aws_server


def get_address(aws_server: AwsServer) -> tuple[str, int]:
    return server.LOCAL_ADDRESS, int(aws_server.server_address[1])


def open_connection(aws_server: AwsServer) -> socket.socket:
    connection = socket.create_connection(get_address(aws_server), ANSWER_LIMIT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_answer(connection: socket.socket, method: str = "GET") -> tuple[int, bytes]:
    answer = HTTPResponse(connection, method=method)
    answer.begin()
    return answer.status, answer.read()


def test_one_connection_takes_many_requests(echo_server: AwsServer) -> None:
    client = HTTPConnection(*get_address(echo_server), timeout=ANSWER_LIMIT_SECONDS)
    client.connect()
    first_socket = client.sock
    for number in range(200):
        client.request("POST", "/read", f"body {number}".encode())
        response = client.getresponse()
        assert (response.status, response.read()) == (200, f"body {number}".encode())
        assert client.sock is first_socket, "the server closed the connection"
    client.close()


def test_a_body_that_nobody_reads_is_not_taken_for_the_next_request(echo_server: AwsServer) -> None:
    with open_connection(echo_server) as connection:
        for _ in range(3):
            connection.sendall(b"POST /skip HTTP/1.1\r\nContent-Length: 12\r\n\r\n")
            time.sleep(0.05)  # longer than werkzeug's server waits for a body
            connection.sendall(b"GET / HTTP/1")
            assert read_answer(connection) == (200, b"unread")


def test_requests_sent_ahead_are_each_answered(echo_server: AwsServer) -> None:
    with open_connection(echo_server) as connection:
        connection.sendall(
            b"POST /read HTTP/1.1\r\nContent-Length: 3\r\n\r\none"
            b"POST /read HTTP/1.1\r\nContent-Length: 3\r\n\r\ntwo"
        )
        reader = connection.makefile("rb")
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 2 or not answers.endswith(b"two"):
            piece = reader.read1()
            assert piece, answers
            answers += piece
        assert b"one" in answers


def test_a_body_in_chunks_is_read_to_its_end(echo_server: AwsServer) -> None:
    with open_connection(echo_server) as connection:
        for text in (b"first", b"again"):
            connection.sendall(b"POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.sendall(b"5\r\n" + text + b"\r\n1\r\n!\r\n0\r\n\r\n")
            assert read_answer(connection) == (200, text + b"!")


def test_a_client_that_waits_is_asked_for_its_body_once(echo_server: AwsServer) -> None:
    with open_connection(echo_server) as connection:
        connection.sendall(
            b"PUT /read HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_head_has_the_length_of_the_application_and_no_body(echo_server: AwsServer) -> None:
    client = HTTPConnection(*get_address(echo_server), timeout=ANSWER_LIMIT_SECONDS)
    for _ in range(2):
        client.request("HEAD", "/skip")
        response = client.getresponse()
        assert (response.getheader("Content-Length"), response.read()) == ("999", b"")
    client.close()


def test_an_answer_without_content_leaves_the_connection_open() -> None:
    with open_server(empty) as aws_server:
        client = HTTPConnection(*get_address(aws_server), timeout=ANSWER_LIMIT_SECONDS)
        for _ in range(2):
            client.request("DELETE", "/")
            response = client.getresponse()
            assert (response.status, response.read()) == (204, b"")
            assert response.getheader("Content-Length") is None
        client.close()


@pytest.mark.parametrize(
    "header", ["Content-Length: many", "Content-Length: -1", "Transfer-Encoding: gzip"]
)
def test_a_body_without_a_length_is_refused_and_the_connection_closed(
    header: str, echo_server: AwsServer
) -> None:
    with open_connection(echo_server) as connection:
        connection.sendall(f"POST /read HTTP/1.1\r\n{header}\r\n\r\n".encode())
        assert read_answer(connection)[0] == 400
        assert connection.recv(1) == b""


def test_a_failure_is_an_answer_and_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_environ: object, _start_response: object) -> list[bytes]:
        raise ZeroDivisionError("a bug of the sandbox")

    with open_server(fail) as aws_server, open_connection(aws_server) as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert read_answer(connection)[0] == 500
    assert "a bug of the sandbox" in capfd.readouterr().err


def test_a_slow_body_keeps_nobody_waiting(echo_server: AwsServer) -> None:
    with open_connection(echo_server) as slow, open_connection(echo_server) as quick:
        slow.sendall(b"POST /read HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
        quick.sendall(b"GET /skip HTTP/1.1\r\n\r\n")
        assert read_answer(quick) == (200, b"unread")
        slow.sendall(b"body")
        assert read_answer(slow) == (200, b"body")


def test_its_end_cuts_off_open_connections() -> None:
    with open_server(echo) as aws_server:
        connection = open_connection(aws_server)
        connection.sendall(b"GET /skip HTTP/1.1\r\n\r\n")
        read_answer(connection)
    assert connection.recv(1) == b""
    connection.close()


def count_answers(url: str, clients: int, calls: int) -> Counter[str]:
    """Calls AWS from so many threads, each on connections of its own, without a retry."""
    session = boto3.Session("sandbox", "sandbox", region_name="eu-north-1")
    config = Config(retries={"total_max_attempts": 1}, read_timeout=120, connect_timeout=30)
    service_clients: list[dict[str, Any]] = [
        {name: session.client(name, endpoint_url=url, config=config) for name in ("sts", "s3")}
        for _ in range(clients)
    ]
    outcomes: Counter[str] = Counter()
    outcomes_lock = threading.Lock()

    def make_calls(number: int) -> None:
        sts, s3 = service_clients[number]["sts"], service_clients[number]["s3"]
        for call_number in range(calls):
            try:
                if call_number % 4:
                    sts.get_caller_identity()
                else:
                    s3.put_object(Bucket="bucket", Key=f"{number}-{call_number}", Body=b"x" * 5000)
                outcome = "answered"
            except Exception as error:
                outcome = repr(error)
            with outcomes_lock:
                outcomes[outcome] += 1

    service_clients[0]["s3"].create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
    )
    threads = [threading.Thread(target=make_calls, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize(
    "calls", [10, pytest.param(CALLS_PER_CLIENT, marks=pytest.mark.exhaustive)]
)
def test_fifty_clients_lose_no_answer(calls: int) -> None:
    sandbox_process = SandboxProcess()
    try:
        outcomes = count_answers(sandbox_process.url, CLIENTS, calls)
    finally:
        sandbox_process.end_process(9)
    assert outcomes == Counter({"answered": CLIENTS * calls})
