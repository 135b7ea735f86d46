"""What the commands of `ops check` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.check_record import Checklist
from ops.core.declaration import Declaration
from ops.core.s3 import S3_OBJECT_API, S3_OBJECTS_API
from ops.health.registry import list_view_calls

PAGE_BAD: Final = {"--html": ("/no/such/folder/check.html",)}
PERIODIC: Final[tuple[Checklist, ...]] = ("daily", "monthly", "weekly")


def _list_periodic_calls(checklist: Checklist) -> tuple[str, ...]:
    """The calls of the checks, and those that read earlier results."""
    return tuple(sorted({*list_view_calls(checklist), S3_OBJECT_API, S3_OBJECTS_API}))


DECLARATIONS: Final = (
    *(
        Declaration(f"check {name}", role="reader", calls=_list_periodic_calls(name), bad=PAGE_BAD)
        for name in PERIODIC
    ),
    # Keeps its result: the only object that it may write.
    *(
        Declaration(
            f"check {name} --record",
            role="operator",
            calls=(*_list_periodic_calls(name), "s3.put_object"),
            plans=False,
        )
        for name in PERIODIC
    ),
    *(
        Declaration(f"check {name}", role="reader", calls=list_view_calls(name), bad=PAGE_BAD)
        for name in ("post-deploy", "pre-deploy")
    ),
)
