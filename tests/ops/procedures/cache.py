"""`ops cache clear`."""

from typing import Final

from ops.cache.clear import (
    CLEAR_TASK,
    build_cache_clear_plan,
    find_task_host,
    format_stream_prefix,
)
from ops.core.plan import Plan
from ops.services.single_task import format_task_family
from tests.ops.cache_stage import LOG_GROUP, get_store, put_clearable_cache
from tests.ops.procedures import Procedure
from tests.ops.stage import Stage

RUN: Final = "cache-clear-1"


def plan_cache_clear(stage: Stage) -> Plan:
    cache = stage.outputs.cache
    assert cache is not None
    host = find_task_host(stage.aws, stage.outputs, cache)
    return build_cache_clear_plan(
        stage.outputs, cache, host, RUN, mode="clear", pattern="session:*"
    )


def collect_cache_facts(stage: Stage) -> object:
    """The keys that are left, the tasks that have run, and the definitions that are left."""
    stage.clock.sleep(3600)
    streams = stage.client("logs").describe_log_streams(
        logGroupName=LOG_GROUP, logStreamNamePrefix=format_stream_prefix(RUN)
    )
    return get_store().list_keys(), len(streams["logStreams"]), _list_definitions(stage)


def _list_definitions(stage: Stage) -> list[str]:
    family = format_task_family(stage.outputs, CLEAR_TASK, RUN)
    answer = stage.client("ecs").list_task_definitions(familyPrefix=family)
    return [str(arn) for arn in answer["taskDefinitionArns"]]


PROCEDURES: Final = (
    Procedure(
        "cache clear",
        "--keys session:*",
        put_clearable_cache,
        plan_cache_clear,
        collect_cache_facts,
        collect_undone_facts=_list_definitions,  # what is deleted stays deleted
        steps_maybe_done=frozenset({"unregister_again"}),  # by the last step
    ),
)
