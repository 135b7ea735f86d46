"""Numbers of things: in words, and as what a run sets and automatic scaling may move."""

from ops.core.plan import Call, FailureReports, Wait


def build_count_wait(
    read: Call,
    path: str,
    old_count: int,
    count: int,
    *,
    is_automatic: bool,
    within: float,
    reports: FailureReports | None = None,
) -> Wait:
    """Builds the wait for a number that was just set, at a path of a read; `within` in seconds.

    With automatic scaling on it may be passed before it is looked at, so that "at least" (or "at
    most", for fewer) is enough, and what is not seen in time has been scaled back.
    """
    is_moved = is_automatic and count != old_count
    operator = ">=" if count > old_count else "<="
    return Wait(
        read=read,
        met={f"{path} {operator} `{count}`": True} if is_moved else {path: count},
        begun={path: count},
        failed_on_timeout={f"type({path})": ["number"]} if is_automatic else {},
        every=5,
        within=within,
        reports=reports,
    )


def format_count(number: int, noun: str) -> str:
    """A number of things: 1 instance, 2 instances."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_amount(amount: float) -> str:
    """Writes an amount in full: 1000000, not 1e+06, and 40, not 40.0."""
    return f"{amount:.12g}"


def format_bytes(number: float) -> str:
    """Formats bytes like 8 KiB or 1.4 GiB."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
