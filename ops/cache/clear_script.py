"""Counts or deletes keys of the cache: what `ops cache clear` runs in a task of the stack.

It stands alone: Python 3.10 and its standard library are all that it needs. Its environment:
CACHE_HOST and CACHE_PORT, CACHE_TOKEN (from the secret), CACHE_MODE `count` or `clear`,
CACHE_PATTERN (empty for every key) and CACHE_RUN. Prints JSON lines, the last with the state `done`
or `error`.
"""

import json
import os
import socket
import ssl
import sys
from typing import Any

SCAN_COUNT = 1000  # keys that a SCAN looks at
BATCH = 500  # UNLINKs sent before their answers are read
PROGRESS_KEYS = 100_000
TIMEOUT_SECONDS = 60


class CacheAnswerError(Exception):
    """The server answered with an error, or in a form that is not known."""


class Connection:
    """A connection to one node: TLS with its certificate verified, then AUTH."""

    def __init__(self, host: str, port: int, token: str) -> None:
        plain = socket.create_connection((host, port), TIMEOUT_SECONDS)
        self.socket = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        self.file = self.socket.makefile("rb")
        self.call("AUTH", token)

    def send(self, *words: Any) -> None:
        """Sends a command without reading its answer."""
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        body = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n%s" % (len(parts), body))

    def read(self) -> Any:
        """Reads an answer. Raises CacheAnswerError if it is an error."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise CacheAnswerError("the connection was closed")
        kind, text = line[:1], line[1:-2]
        if kind == b"+":
            return text
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self.file.read(int(text) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(text))]
        raise CacheAnswerError(text.decode(errors="replace"))

    def call(self, *words: Any) -> Any:
        """Sends a command and reads its answer."""
        self.send(*words)
        return self.read()

    def read_info(self, section: str) -> dict[str, str]:
        """The fields of a section of INFO."""
        lines = self.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


def main() -> None:
    """Counts or clears, as the environment says."""
    host, port = os.environ["CACHE_HOST"], int(os.environ["CACHE_PORT"])
    token, pattern = os.environ["CACHE_TOKEN"], os.environ.get("CACHE_PATTERN", "")
    is_clear = os.environ["CACHE_MODE"] == "clear"
    first = Connection(host, port, token)
    nodes = list_primaries(first, host, token)
    keys_before = sum(count_keys(node) for node in nodes)
    say("started", keys=keys_before, primaries=len(nodes))
    matched = deleted = 0
    if not pattern:
        matched = keys_before
        for node in nodes if is_clear else ():
            node.call("FLUSHALL", "ASYNC")
        deleted = keys_before if is_clear else 0
    else:
        for node in nodes:
            node_matched, node_deleted = scan_node(node, pattern, is_clear)
            matched, deleted = matched + node_matched, deleted + node_deleted
    say(
        "done",
        keysBefore=keys_before,
        matched=matched,
        deleted=deleted,
        keysAfter=sum(count_keys(node) for node in nodes),
    )


def list_primaries(first: Connection, host: str, token: str) -> list[Connection]:
    """The primary of each shard; with cluster mode disabled the one that the endpoint leads to."""
    if first.read_info("cluster").get("cluster_enabled") != "1":
        role = first.read_info("replication").get("role")
        if role != "master":
            raise CacheAnswerError(f"{host} is a {role}, not the primary")
        return [first]
    addresses: dict[Any, tuple[str, int]] = {}
    for slots in first.call("CLUSTER", "SLOTS"):
        node = slots[2]
        # After its id come names, as TLS needs them, if the address is none.
        names = node[3] if len(node) > 3 else []
        named = dict(zip(names[::2], names[1::2], strict=False)).get(b"hostname")
        name = (named or node[0] or host.encode()).decode()
        addresses[node[2] if len(node) > 2 else (name, node[1])] = (name, node[1])
    if not addresses:
        raise CacheAnswerError("the cluster has no slots")
    return [Connection(name, number, token) for name, number in addresses.values()]


def list_databases(node: Connection) -> list[int]:
    """The numbers of the databases that have keys."""
    return [int(name[2:]) for name in node.read_info("keyspace") if name.startswith("db")]


def count_keys(node: Connection) -> int:
    """The keys of every database of a node."""
    total = 0
    for number in list_databases(node):
        node.call("SELECT", number)
        total += node.call("DBSIZE")
    return total


def scan_node(node: Connection, pattern: str, is_clear: bool) -> tuple[int, int]:
    """Looks through every database of a node; never by KEYS, which stops the server meanwhile."""
    matched = deleted = 0
    for number in list_databases(node):
        node.call("SELECT", number)
        cursor = b"0"
        while True:
            cursor, keys = node.call("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT)
            before, matched = matched, matched + len(keys)
            for start in range(0, len(keys) if is_clear else 0, BATCH):
                batch = keys[start : start + BATCH]
                # Each key by itself: in cluster mode keys of one UNLINK must be of one slot.
                for key in batch:
                    node.send("UNLINK", key)
                deleted += sum(node.read() for _ in batch)
            if before // PROGRESS_KEYS != matched // PROGRESS_KEYS:
                say("going on", matched=matched, deleted=deleted)
            if cursor == b"0":
                break
    return matched, deleted


def say(state: str, **fields: object) -> None:
    """Prints a line for the log."""
    fields = {"run": os.environ["CACHE_RUN"], "state": state, **fields}
    sys.stdout.write(f"{json.dumps(fields)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        say("error", reason=f"{type(error).__name__}: {error}")
        sys.exit(1)
