"""The lock tree: which session waits for which, with the root blockers on top."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

INDENT: Final = "  "
LOCK_TREE_COLUMNS: Final = ("session", "state", "waits", "mode", "table", "query", "command")


def list_root_blockers(edges: Sequence[Mapping[str, Any]]) -> list[int]:
    """Lists the sessions that block others and do not wait themselves."""
    waiting_pids = {edge["pid"] for edge in edges}
    root_pids = (edge["blocked_by"] for edge in edges if edge["blocked_by"] not in waiting_pids)
    return list(dict.fromkeys(root_pids))


def build_lock_tree(edges: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Builds a row per session, below its blocker; a session with two blockers has two rows.

    A deadlock, which PostgreSQL ends after deadlock_timeout, starts at any of its members.
    """
    shown_pids: set[int] = set()
    rows: list[dict[str, Any]] = []
    for blocker in (*list_root_blockers(edges), *(edge["blocked_by"] for edge in edges)):
        if blocker in shown_pids:
            continue
        edge = next(candidate for candidate in edges if candidate["blocked_by"] == blocker)
        rows.append(
            {
                "session": str(blocker),
                "state": edge["blocker_state"],
                "query": edge["blocking_query"],
                "command": edge["command"],
            }
        )
        shown_pids.add(blocker)
        rows.extend(_list_waiting_rows(blocker, edges, 1, shown_pids, (blocker,)))
    return rows


def _list_waiting_rows(
    blocker: int,
    edges: Sequence[Mapping[str, Any]],
    depth: int,
    shown_pids: set[int],
    ancestors: tuple[int, ...],
) -> Iterator[dict[str, Any]]:
    for edge in edges:
        pid = edge["pid"]
        if edge["blocked_by"] != blocker or pid in ancestors:
            continue
        shown_pids.add(pid)
        yield {
            "session": f"{INDENT * depth}{pid}",
            "state": "waiting",
            "waits": edge["waits"],
            "mode": edge["mode"],
            "table": edge["table"],
            "query": edge["query"],
        }
        yield from _list_waiting_rows(pid, edges, depth + 1, shown_pids, (*ancestors, pid))
