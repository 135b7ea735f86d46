"""What the commands of `ops logs` need: roles, calls to AWS, examples, wrong values."""

from collections.abc import Mapping
from typing import Final

from ops.core.declaration import Declaration

# ECS names the tasks of a deployment; the load balancer's logs are files in S3.
READS: Final = (
    "logs.filter_log_events",
    "s3.get_object",
    "s3.list_objects_v2",
    "ecs.describe_services",
    "ecs.list_tasks",
    "ecs.describe_tasks",
)
BAD: Final[Mapping[str, tuple[str, ...]]] = {
    "PART": ("nonsense", "user-data", "exec", "../backend"),
    "--task": ("nonsense!", "ecs-svc/1"),
    "--deployment": ("nonsense",),
}
BAD_OF_FILTERS: Final[Mapping[str, tuple[str, ...]]] = {
    **BAD,
    "TEXT": ("",),
    "--field": ("level", "level=", "=ERROR", "status>=many", "a b=c"),
    "--pattern": ("[a, b", "a-b", "%(a|b)%", "?a b"),
}
JUDGED: Final = {"--deployment": "which deployments have tasks"}

DECLARATIONS: Final = (
    Declaration(
        "logs errors",
        role="reader",
        calls=(*READS, "autoscaling.describe_instance_refreshes"),
        needs={"PART": "backend"},
        bad=BAD,
        judged_by_aws=JUDGED,
        plans=False,
    ),
    Declaration("logs list", role="reader"),
    Declaration(
        "logs query",
        role="reader",
        calls=("logs.start_query", "logs.get_query_results", "logs.stop_query"),
        unseen={"logs.stop_query": "only after Ctrl-C: the tests of the query see it"},
        needs={"NAME": "errors"},
        bad={
            "NAME": ("nonsense",),
            "--part": ("nonsense", "user-data"),
            "--query": ("", "x" * 10_001),
        },
        example="logs query response-times --since 2h",
        plans=False,
    ),
    Declaration(
        "logs search",
        role="reader",
        calls=READS,
        needs={"PART": "backend", "TEXT": "refused"},
        bad=BAD_OF_FILTERS,
        judged_by_aws=JUDGED,
        example="logs search backend --field level=ERROR --since 2h",
        plans=False,
    ),
    Declaration(
        "logs tail",
        role="reader",
        calls=(*READS, "logs.start_live_tail"),
        unseen={"logs.start_live_tail": "with --follow, which has no end: its own tests see it"},
        needs={"PART": "backend"},
        bad=BAD_OF_FILTERS,
        judged_by_aws=JUDGED,
        example="logs tail backend --follow",
        plans=False,
    ),
    Declaration(
        "logs top",
        role="reader",
        calls=READS,
        needs={"PART": "backend"},
        bad=BAD_OF_FILTERS,
        judged_by_aws=JUDGED,
        plans=False,
    ),
)
