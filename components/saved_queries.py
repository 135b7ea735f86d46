"""The queries of `ops logs query`, saved in CloudWatch for the console: Logs Insights, Queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components.cache import Cache
from components.component import Component
from components.database import Database
from components.facts.log_queries import LOG_QUERIES, QuerySource
from components.fleet import Fleet
from components.load_balancer import LoadBalancer
from components.network import Network
from components.services import Services
from components.settings import Settings

# Log groups that a query can look through at once (API reference, StartQuery). One of more is saved
# without any: who runs it chooses them.
MAX_QUERY_GROUPS: Final = 50


@dataclass(frozen=True, kw_only=True)
class SavedQueriesArgs:
    settings: Settings
    network: Network
    load_balancer: LoadBalancer | None
    database: Database
    cache: Cache | None
    services: Services | None
    fleet: Fleet | None


class SavedQueries(Component):
    """`bulwark:index:SavedQueries`: a query definition for each query that the stack has logs for.

    Children: `{name}-{query}`. Their names begin with the stack's, which the console shows as a
    folder ("Save and re-run CloudWatch Logs Insights queries"). They cost nothing until they run.
    """

    def __init__(
        self, name: str, *, args: SavedQueriesArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("SavedQueries", name, settings=args.settings, opts=opts)
        groups_by_source = _list_log_groups(args)
        for key, query in LOG_QUERIES.items():
            groups = groups_by_source[query.source]
            if groups:
                aws.cloudwatch.QueryDefinition(
                    self.format_logical_name(key),
                    name=f"{self.settings.prefix}/{key}",
                    query_string=query.text,
                    log_group_names=list(groups) if len(groups) <= MAX_QUERY_GROUPS else None,
                    opts=self.child_options,
                )
        self.register_outputs({})


def _list_log_groups(args: SavedQueriesArgs) -> Mapping[QuerySource, Sequence[Input[str]]]:
    """The log groups that the stack has, by what writes to them."""
    load_balancer, cache, fleet = args.load_balancer, args.cache, args.fleet
    services = args.services.services.values() if args.services else ()
    flow_logs = args.network.flow_log_group
    waf = load_balancer.web_acl_log_group if load_balancer else None
    return {
        "program": [
            *(service.log_group for service in services),
            *([fleet.log_group] if fleet else []),
        ],
        "database": args.database.log_groups,
        "function": [
            args.database.rotation_log_group,
            *([cache.rotation_log_group] if cache else []),
        ],
        "flow-logs": [flow_logs] if flow_logs is not None else [],
        "waf": [waf] if waf is not None else [],
    }
