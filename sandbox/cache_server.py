"""A cache of the sandbox: a server that speaks RESP over TLS, with the commands that ops sends.

It is no Valkey: one shard, strings only, without expiry or replicas. What it answers was compared
with a Redis 7.0 server. FLUSHALL is done when it is answered, an assumption that ASYNC allows.
"""

import re
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

SCAN_DEFAULT_COUNT: Final = 10  # of SCAN, where COUNT is not given (SCAN command)
Answer = bytes | int | None | list[Any]


class CommandError(Exception):
    """An error that the server answers with."""


@dataclass
class CacheStore:
    """What a cache holds: the keys by the number of their database, and the tokens it takes."""

    databases: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    # Of SCANs that go on: the last key that was looked at, by the cursor.
    cursors: list[bytes] = field(default_factory=lambda: [b""])

    def put(self, *keys: str, database: int = 0) -> None:
        """Puts keys with an empty value."""
        self.databases.setdefault(database, {}).update(
            dict.fromkeys((k.encode() for k in keys), b"")
        )

    def list_keys(self) -> list[str]:
        """The keys of every database, sorted."""
        return sorted(key.decode() for keys in self.databases.values() for key in keys)


@contextmanager
def serve_cache(store: CacheStore, context: ssl.SSLContext) -> Iterator[int]:
    """Serves a cache on a local port for the time of the block; yields the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with context.wrap_socket(self.request, server_side=True) as secure_socket:
                    _Session(store, secure_socket).run()
            except (OSError, EOFError):
                return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def match_key(pattern: bytes, key: bytes) -> bool:
    """True if a key matches a glob: ? * [abc] [^a] [a-z], and a backslash (KEYS command)."""
    return re.fullmatch(_translate(pattern.decode()), key.decode(), re.DOTALL) is not None


def _translate(pattern: str) -> str:
    parts: list[str] = []
    rest = pattern
    while rest:
        character, rest = rest[0], rest[1:]
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "\\" and rest:
            parts.append(re.escape(rest[0]))
            rest = rest[1:]
        elif character == "[" and "]" in rest:
            body, _, rest = rest.partition("]")
            negated = body.startswith("^")
            letters = re.escape(body.removeprefix("^")).replace(r"\-", "-")
            parts.append(f"[{'^' if negated else ''}{letters}]")
        else:
            parts.append(re.escape(character))
    return "".join(parts)


class _Session:
    """One connection: its database, and whether it has given the token."""

    def __init__(self, store: CacheStore, secure_socket: ssl.SSLSocket) -> None:
        self._store, self._socket = store, secure_socket
        self._file = secure_socket.makefile("rb")
        self._database = 0
        self._is_authenticated = not store.tokens
        self._commands: dict[bytes, Callable[..., Answer]] = {
            b"AUTH": self._authenticate,
            b"DBSIZE": lambda: len(self._keys),
            b"FLUSHALL": self._flush,
            b"INFO": self._describe,
            b"SCAN": self._scan,
            b"SELECT": self._select,
            b"UNLINK": self._unlink,
        }

    @property
    def _keys(self) -> dict[bytes, bytes]:
        return self._store.databases.setdefault(self._database, {})

    def run(self) -> None:
        """Answers until the connection is closed."""
        while True:
            words = self._read_command()
            name = words[0].upper()
            try:
                if not self._is_authenticated and name != b"AUTH":
                    raise CommandError("NOAUTH Authentication required.")
                if name not in self._commands:
                    raise CommandError(f"ERR unknown command '{name.decode()}'")
                answer = _encode(self._commands[name](*words[1:]))
            except CommandError as error:
                answer = f"-{error}\r\n".encode()
            self._socket.sendall(answer)

    def _read_command(self) -> list[bytes]:
        count = int(self._read_line()[1:])
        words = []
        for _ in range(count):
            size = int(self._read_line()[1:])
            words.append(self._file.read(size + 2)[:-2])
        return words

    def _read_line(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise EOFError
        return line.rstrip(b"\r\n")

    def _authenticate(self, token: bytes) -> bytes:
        if token.decode() not in self._store.tokens:
            raise CommandError("WRONGPASS invalid username-password pair or user is disabled.")
        self._is_authenticated = True
        return b"OK"

    def _flush(self, _mode: bytes = b"SYNC") -> bytes:
        self._store.databases.clear()
        return b"OK"

    def _describe(self, section: bytes) -> list[Any] | bytes:
        sections = {
            b"cluster": ["cluster_enabled:0"],
            b"keyspace": [
                f"db{number}:keys={len(keys)},expires=0,avg_ttl=0"
                for number, keys in sorted(self._store.databases.items())
                if keys
            ],
            b"replication": ["role:master", "connected_slaves:0"],
        }
        lines = [f"# {section.decode().capitalize()}", *sections.get(section, [])]
        return _Bulk("\r\n".join([*lines, ""]).encode())

    def _scan(self, cursor: bytes, *options: bytes) -> list[Any]:
        given = dict(zip((option.upper() for option in options[::2]), options[1::2], strict=True))
        count = int(given.get(b"COUNT", SCAN_DEFAULT_COUNT))
        # The cursor is the last key that was looked at: each key that stays is seen once.
        names = sorted(self._keys)
        numbers = self._store.cursors
        after = numbers[int(cursor)]
        remaining = [name for name in names if name > after]
        page = remaining[:count]
        next_cursor = b"0"
        if len(remaining) > count:
            numbers.append(page[-1])
            next_cursor = str(len(numbers) - 1).encode()
        pattern = given.get(b"MATCH", b"*")
        return [_Bulk(next_cursor), [_Bulk(key) for key in page if match_key(pattern, key)]]

    def _select(self, number: bytes) -> bytes:
        self._database = int(number)
        return b"OK"

    def _unlink(self, *names: bytes) -> int:
        return sum(self._keys.pop(name, None) is not None for name in names)


class _Bulk(bytes):
    """Bytes that are sent with their length."""


def _encode(answer: Any) -> bytes:
    if isinstance(answer, _Bulk):
        return b"$%d\r\n%s\r\n" % (len(answer), answer)
    if isinstance(answer, bytes):
        return b"+%s\r\n" % answer
    if isinstance(answer, int):
        return b":%d\r\n" % answer
    return b"*%d\r\n%s" % (len(answer), b"".join(map(_encode, answer)))
