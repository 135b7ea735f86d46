"""The queries of `ops logs query`, saved in CloudWatch for the console: Logs Insights, Queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.cache import Cache
from components.component import Component
from components.database import Database
from components.facts.log_queries import LOG_QUERIES, MAX_QUERY_GROUPS, QuerySource
from components.fleet import Fleet
from components.load_balancer import LoadBalancer
from components.network import Network
from components.services import Services
from components.settings import Settings

# The log groups of the stack, by what writes to them.
LogGroups: TypeAlias = Mapping[QuerySource, Sequence[Input[str]]]


@dataclass(frozen=True, kw_only=True)
class SavedQueriesArgs:
    settings: Settings
    log_groups: LogGroups


class SavedQueries(Component):
    """`bulwark:index:SavedQueries`: a query definition for each query that the stack has logs for.

    Children: `{name}-{query}`. Their names begin with the stack's, which the console shows as a
    folder ("Save and re-run CloudWatch Logs Insights queries"). They cost nothing until they run.
    One of more log groups than a query may have is saved without any: who runs it chooses them.
    """

    def __init__(
        self, name: str, *, args: SavedQueriesArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("SavedQueries", name, settings=args.settings, opts=opts)
        for key, query in LOG_QUERIES.items():
            groups = args.log_groups[query.source]
            if groups:
                aws.cloudwatch.QueryDefinition(
                    self.format_logical_name(key),
                    name=f"{self.settings.prefix}/{key}",
                    query_string=query.text,
                    log_group_names=list(groups) if len(groups) <= MAX_QUERY_GROUPS else None,
                    opts=self.child_options,
                )
        self.register_outputs({})


def list_log_groups(
    *parts: Network | LoadBalancer | Database | Cache | Services | Fleet | None,
) -> LogGroups:
    """The log groups that a stack of these parts has, in their order. Those of None are none."""
    groups: dict[QuerySource, list[Input[str]]] = {source: [] for source in get_args(QuerySource)}
    for part in parts:
        match part:
            case Network(flow_log_group=group) if group is not None:
                groups["flow-logs"].append(group)
            case LoadBalancer(web_acl_log_group=group) if group is not None:
                groups["waf"].append(group)
            case Database():
                groups["database"] += part.log_groups
                groups["function"].append(part.rotation_log_group)
            case Cache():
                groups["function"].append(part.rotation_log_group)
            case Services():
                groups["program"] += [service.log_group for service in part.services.values()]
            case Fleet():
                groups["program"].append(part.log_group)
    return groups
