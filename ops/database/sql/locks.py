"""Who waits for whom, as a tree: whoever is in the way of all others stands on top."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

INDENT: Final = "  "
COLUMNS: Final = ("session", "state", "waits", "mode", "table", "query", "command")


def roots(edges: Sequence[Mapping[str, Any]]) -> list[int]:
    """Those that others wait for and that wait for nobody."""
    waiting = {edge["pid"] for edge in edges}
    found = (edge["blocked_by"] for edge in edges if edge["blocked_by"] not in waiting)
    return list(dict.fromkeys(found))


def tree(edges: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a session, below the one that it waits for; one that waits for two stands twice.

    A circle, which PostgreSQL itself ends after deadlock_timeout, is told from any of its members.
    """
    shown: set[int] = set()
    rows: list[dict[str, Any]] = []
    for top in (*roots(edges), *(edge["blocked_by"] for edge in edges)):
        if top in shown:
            continue
        edge = next(each for each in edges if each["blocked_by"] == top)
        rows.append(
            {
                "session": str(top),
                "state": edge["blocker_state"],
                "query": edge["blocking_query"],
                "command": edge["command"],
            }
        )
        shown.add(top)
        rows.extend(_below(top, edges, 1, shown, (top,)))
    return rows


def _below(
    top: int,
    edges: Sequence[Mapping[str, Any]],
    depth: int,
    shown: set[int],
    above: tuple[int, ...],
) -> Iterator[dict[str, Any]]:
    for edge in edges:
        pid = edge["pid"]
        if edge["blocked_by"] != top or pid in above:
            continue
        shown.add(pid)
        yield {
            "session": f"{INDENT * depth}{pid}",
            "state": "waiting",
            "waits": edge["waits"],
            "mode": edge["mode"],
            "table": edge["table"],
            "query": edge["query"],
        }
        yield from _below(pid, edges, depth + 1, shown, (*above, pid))
