"""Tries connections: what `ops network reach --probe` runs on an instance or in a task.

It stands alone: Python 3.9 and its standard library are all that it needs. Its environment:
PROBE_TARGETS, a JSON list of `host` and `port`; PROBE_PLACE, where it runs; PROBE_SECONDS, the
limit of each name and of each connection. Prints JSON lines: the state `started`, one `tried` for
each target, then `done`, or `error`. It sends nothing over the connections that it opens.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time

UNREACHABLE_ERRORS = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM)


def main() -> None:
    """Tries each target in turn."""
    seconds = float(os.environ["PROBE_SECONDS"])
    say("started")
    for target in json.loads(os.environ["PROBE_TARGETS"]):
        host, port = target["host"], target["port"]
        say("tried", host=host, port=port, **try_target(host, port, seconds))
    say("done")


def try_target(host: str, port: int, seconds: float) -> dict[str, object]:
    """What becomes of a name and a connection, with the milliseconds that each took."""
    began = time.monotonic()
    address, reason = resolve(host, seconds)
    result = {"dnsMs": count_ms(began), "connectMs": None, "address": address, "reason": reason}
    if address is None:
        return {**result, "outcome": "unresolved"}
    began = time.monotonic()
    outcome, reason = connect(address, port, seconds)
    return {**result, "outcome": outcome, "reason": reason, "connectMs": count_ms(began)}


def resolve(host: str, seconds: float) -> tuple[str | None, str | None]:
    """The first IPv4 address of a name, or None and why there is none."""
    answers: list[tuple[str | None, str | None]] = []

    def ask() -> None:
        try:
            records = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
            answers.append((str(records[0][4][0]), None))
        except OSError as error:
            answers.append((None, str(error.strerror or error)))

    # getaddrinfo has no limit that a program can set.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else (None, f"no answer in {seconds:g} s")


def connect(address: str, port: int, seconds: float) -> tuple[str, str | None]:
    """The outcome of a TCP connection, and the reason if there is none."""
    try:
        socket.create_connection((address, port), seconds).close()
    except ConnectionRefusedError:
        return "refused", "connection refused"
    except OSError as error:
        # By its text: before Python 3.10 the limit of a socket raises no TimeoutError.
        if error.errno == errno.ETIMEDOUT or "timed out" in str(error):
            return "timed-out", f"no answer in {seconds:g} s"
        is_unreachable = error.errno in UNREACHABLE_ERRORS
        return "unreachable" if is_unreachable else "failed", str(error.strerror or error)
    return "connected", None


def count_ms(began: float) -> float:
    """The milliseconds since a time of the monotonic clock."""
    return round((time.monotonic() - began) * 1000, 1)


def say(state: str, **fields: object) -> None:
    """Prints a line."""
    line = {"state": state, "place": os.environ["PROBE_PLACE"], **fields}
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        say("error", reason=f"{type(error).__name__}: {error}")
        sys.exit(1)
