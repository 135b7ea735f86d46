"""What a resolver answers, from datagrams as RFC 1035 has them."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.core import dns_query
from ops.core.dns_query import DnsError, ask_name_server, query_dns

NAME = "www.example.com"
POINTER = b"\xc0\x0c"  # to the name of the question, at byte 12: RFC 1035, section 4.1.4
LOOP = b"\xc0\x21"  # to itself, behind a question of 33 bytes
CNAME, A, CAA = 5, 1, 257


def encode_name(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def build_record(kind: int, data: bytes, owner: bytes = POINTER) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def build_answer(question: bytes, *records: bytes, flags: int = 0x8180) -> bytes:
    header = question[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
    return header + question[12:] + b"".join(records)


@contextmanager
def serve_answers(answer: Callable[[bytes], bytes], stream_answer: bytes = b"") -> Iterator[int]:
    """A resolver at a local port, by datagrams and, for what is too long, by TCP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket() as listener,
    ):
        datagrams.bind(("127.0.0.1", 0))
        port = int(datagrams.getsockname()[1])
        listener.bind(("127.0.0.1", port))
        listener.listen()

        def answer_one() -> None:
            question, client = datagrams.recvfrom(4096)
            datagrams.sendto(answer(question), client)
            if stream_answer:
                stream, _ = listener.accept()
                with stream:
                    length = int.from_bytes(stream.recv(2), "big")
                    question = stream.recv(length)
                    text = build_answer(question, stream_answer)
                    stream.sendall(len(text).to_bytes(2, "big") + text)

        thread = threading.Thread(target=answer_one)
        thread.start()
        try:
            yield port
        finally:
            thread.join()


def test_an_address_is_found_over_aliases() -> None:
    target = encode_name("lb.example.net")
    address = build_record(A, bytes([203, 0, 113, 7]), target)
    with serve_answers(lambda q: build_answer(q, build_record(CNAME, target), address)) as port:
        assert ask_name_server("127.0.0.1", port, NAME, "A") == ["203.0.113.7"]


def test_an_alias_is_a_name_in_small_letters() -> None:
    compressed = b"\x01X" + b"\xc0\x10"  # X.example.com: the end of the question's name
    with serve_answers(lambda q: build_answer(q, build_record(CNAME, compressed))) as port:
        assert ask_name_server("127.0.0.1", port, NAME, "CNAME") == ["x.example.com"]


def test_caa_is_as_in_a_zone_file() -> None:
    data = b"\x80\x05issueamazon.com"
    with serve_answers(lambda q: build_answer(q, build_record(CAA, data))) as port:
        assert ask_name_server("127.0.0.1", port, NAME, "CAA") == ['128 issue "amazon.com"']


def test_a_name_without_records_has_none() -> None:
    with serve_answers(lambda q: build_answer(q, flags=0x8183)) as port:
        assert ask_name_server("127.0.0.1", port, NAME, "A") == []
    with serve_answers(build_answer) as port:
        assert ask_name_server("127.0.0.1", port, NAME, "A") == []


def test_a_long_answer_is_asked_for_by_tcp() -> None:
    record = build_record(A, bytes([203, 0, 113, 7]))
    with serve_answers(lambda q: build_answer(q, flags=0x8380), record) as port:
        assert ask_name_server("127.0.0.1", port, NAME, "A") == ["203.0.113.7"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda q: build_answer(q, flags=0x8182), r"is not answered \(RCODE 2\)"),
        (lambda q: build_answer(q, flags=0x8185), r"is not answered \(RCODE 5\)"),
        (lambda q: build_answer(q, build_record(A, b"\1\2\3\4"))[:-9], "cannot be read"),
        (
            lambda q: build_answer(q, build_record(CNAME, LOOP, LOOP)),
            "cannot be read",
        ),
    ],
    ids=["failure", "refused", "cut-off", "endless-name"],
)
def test_no_answer_is_not_an_empty_one(answer: Callable[[bytes], bytes], text: str) -> None:
    with serve_answers(answer) as port, pytest.raises(DnsError, match=text):
        ask_name_server("127.0.0.1", port, NAME, "CNAME")


def test_the_next_resolver_is_asked_if_one_fails(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("search example.com\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    asked: list[str] = []

    def ask(address: str, *_: object) -> list[str]:
        asked.append(address)
        if address == "192.0.2.1":
            raise TimeoutError("timed out")
        return ["203.0.113.7"]

    with (
        patch.object(dns_query, "RESOLVER_FILE", file),
        patch.object(dns_query, "ask_name_server", ask),
        patch.object(dns_query, "find_local_endpoint", return_value=None),
    ):
        assert query_dns(NAME, "A") == ["203.0.113.7"]
        assert asked == ["192.0.2.1", "192.0.2.2"]
        file.write_text("nameserver 192.0.2.1\n")
        with pytest.raises(DnsError, match=r"cannot be resolved: 192.0.2.1: timed out"):
            query_dns(NAME, "A")
        file.write_text("")
        with pytest.raises(DnsError, match="names no server"):
            query_dns(NAME, "A")
