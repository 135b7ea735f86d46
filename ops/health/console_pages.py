"""The page of the AWS console for each area that `ops health` and `ops usage` look at."""

from collections.abc import Mapping

from ops.core.console_links import (
    build_alarms_link,
    build_bucket_link,
    build_cache_link,
    build_certificate_link,
    build_cloudwatch_link,
    build_cluster_link,
    build_database_link,
    build_fleet_link,
    build_load_balancer_link,
    build_network_link,
    build_service_link,
    build_vault_link,
)
from ops.outputs import Outputs


def build_console_pages(outputs: Outputs) -> Mapping[str, str]:
    """The pages of the areas that a stack has; areas without one, like the account, are absent."""
    bucket_page = build_bucket_link(outputs, outputs.backups.operations_bucket)
    pages = {
        "alarms": build_alarms_link(outputs),
        "database": build_database_link(outputs),
        "network": build_network_link(outputs),
        "logs": build_cloudwatch_link(outputs, "logsV2:log-groups"),
        "incidents": bucket_page,
        "runs": bucket_page,
        "buckets": bucket_page,
    }
    load_balancer, vault = outputs.load_balancer, outputs.backups.vault
    if load_balancer is not None:
        pages["balancer"] = build_load_balancer_link(outputs, load_balancer)
        if load_balancer.certificate_arn is not None:
            pages["certificate"] = build_certificate_link(outputs, load_balancer.certificate_arn)
    if outputs.services is not None:
        pages["services"] = build_cluster_link(outputs, outputs.services.cluster)
    if outputs.fleet is not None:
        pages["fleet"] = build_fleet_link(outputs, outputs.fleet)
    if outputs.cache is not None:
        pages["cache"] = build_cache_link(outputs, outputs.cache)
    if vault is not None:
        pages["backups"] = build_vault_link(outputs, vault)
    return pages


def find_figure_page(
    outputs: Outputs, pages: Mapping[str, str], area: str, subject: str
) -> str | None:
    """The page of what a figure is of: a service's or a bucket's own, else its area's."""
    if area == "buckets":
        return build_bucket_link(outputs, subject)
    if outputs.services is not None and area == "services":
        return build_service_link(outputs, outputs.services.cluster, subject)
    if area == "database":
        return build_database_link(outputs, subject)
    return pages.get(area)
