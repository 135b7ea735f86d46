"""What DNS answers for a name, asked as any resolver's client does: RFC 1035, and RFC 8659 for CAA.

The standard library resolves names to addresses only. A sandbox's names are in its own Route 53.
"""

import contextlib
import ipaddress
import secrets
import socket
import struct
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from ops.core.errors import OpsError
from ops.core.sandbox_endpoint import (
    DNS_PATH,
    NoSandboxError,
    ask_sandbox,
    find_local_endpoint,
)

RecordType = Literal["A", "CNAME", "CAA"]
# The numbers of RFC 1035, section 3.2.2, and of RFC 8659, section 4.1.
TYPE_CODES: Final[dict[RecordType, int]] = {"A": 1, "CNAME": 5, "CAA": 257}
DNS_PORT: Final = 53
ANSWER_SECONDS: Final = 3.0  # of one try; resolv.conf(5) has 5 as its default
MAX_NAME_SERVERS: Final = 3  # resolv.conf(5), MAXNS
NO_ERROR, NO_SUCH_NAME = 0, 3
TRUNCATED_FLAG: Final = 0x0200
RESOLVER_FILE: Final = Path("/etc/resolv.conf")


class DnsError(OpsError):
    """No resolver answered, or none could: what a name has is unknown."""


def query_dns(name: str, kind: RecordType) -> list[str]:
    """The values of a name's records, over its CNAMEs; empty if it has none. Raises DnsError.

    Addresses are dotted, names without the last dot in small letters, CAA as in a zone file:
    `0 issue "amazon.com"`.
    """
    if find_local_endpoint() is not None:
        with contextlib.suppress(NoSandboxError):
            query = urllib.parse.urlencode({"name": name, "type": kind})
            status, content = ask_sandbox(f"{DNS_PATH}?{query}")
            if status == 200:
                return [str(value) for value in content["values"]]
    name_servers = _list_name_servers()
    if not name_servers:
        raise DnsError(f"{name} cannot be resolved: {RESOLVER_FILE} names no server")
    reasons: list[str] = []
    for address in name_servers:
        try:
            return ask_name_server(address, DNS_PORT, name, kind)
        except (OSError, DnsError, ValueError) as error:
            reasons.append(f"{address}: {error}")
    raise DnsError(f"{name} cannot be resolved: {'; '.join(reasons)}")


def ask_name_server(address: str, port: int, name: str, kind: RecordType) -> list[str]:
    """What one resolver answers; by TCP if its answer is too long for a datagram.

    Raises OSError, or DnsError if it refuses or could not find out.
    """
    number = secrets.randbelow(1 << 16)
    question = _build_question(number, name, kind)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(ANSWER_SECONDS)
        datagrams.connect((address, port))
        datagrams.send(question)
        answer = datagrams.recv(65_535)
        while answer[:2] != question[:2]:  # a late answer to another
            answer = datagrams.recv(65_535)
    if int.from_bytes(answer[2:4], "big") & TRUNCATED_FLAG:
        with socket.create_connection((address, port), ANSWER_SECONDS) as stream:
            stream.sendall(len(question).to_bytes(2, "big") + question)
            length = int.from_bytes(_receive(stream, 2), "big")
            answer = _receive(stream, length)
    return _parse_answer(answer, name, kind)


def _list_name_servers() -> list[str]:
    try:
        lines = RESOLVER_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    found_servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return found_servers[:MAX_NAME_SERVERS]


def _build_question(number: int, name: str, kind: RecordType) -> bytes:
    """A question with recursion desired: RFC 1035, section 4.1."""
    try:
        labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    except UnicodeError:
        raise DnsError(f"{name!r} is no name of DNS") from None
    encoded_name = b"".join(len(label).to_bytes(1, "big") + label for label in labels) + b"\0"
    header = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0)
    return header + encoded_name + struct.pack("!HH", TYPE_CODES[kind], 1)


def _receive(stream: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = stream.recv(length - len(data))
        if not part:
            raise OSError("the answer was cut off")
        data += part
    return data


def _parse_answer(answer: bytes, name: str, kind: RecordType) -> list[str]:
    try:
        _, flags, question_count, answer_count, _, _ = struct.unpack_from("!HHHHHH", answer)
        if flags & 0xF == NO_SUCH_NAME:
            return []
        if flags & 0xF != NO_ERROR:
            raise DnsError(f"{name} is not answered (RCODE {flags & 0xF})")
        position = 12
        for _ in range(question_count):
            _, position = _parse_name(answer, position)
            position += 4
        return list(_parse_records(answer, position, answer_count, kind))
    except (struct.error, IndexError):
        raise DnsError(f"the answer about {name} cannot be read") from None


def _parse_records(answer: bytes, position: int, count: int, kind: RecordType) -> Iterator[str]:
    for _ in range(count):
        _, position = _parse_name(answer, position)
        code, _, _, length = struct.unpack_from("!HHIH", answer, position)
        position += 10
        data = answer[position : position + length]
        if code == TYPE_CODES[kind]:
            if kind == "A":
                yield str(ipaddress.IPv4Address(data))
            elif kind == "CNAME":
                yield _parse_name(answer, position)[0]
            else:
                tag_end = 2 + data[1]
                tag, value = data[2:tag_end].decode(), data[tag_end:].decode(errors="replace")
                yield f'{data[0]} {tag} "{value}"'
        position += length


def _parse_name(answer: bytes, position: int) -> tuple[str, int]:
    """A name and where it ends; compressed ones lead backwards: RFC 1035, section 4.1.4."""
    labels: list[str] = []
    end: int | None = None
    for _ in range(128):  # more labels than a name can have: a loop
        length = answer[position]
        if length & 0xC0 == 0xC0:
            end = position + 2 if end is None else end
            position = int.from_bytes(answer[position : position + 2], "big") & 0x3FFF
            continue
        position += 1
        if not length:
            return ".".join(labels).lower(), position if end is None else end
        labels.append(answer[position : position + length].decode("ascii", "replace"))
        position += length
    raise IndexError("a name without end")
