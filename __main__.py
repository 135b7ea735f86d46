"""The architecture on one page: settings in, components wired, outputs out."""

from components.access import Access, AccessArgs
from components.account import Account
from components.alarms import Alarms, AlarmsArgs
from components.backups import Backups, BackupsArgs
from components.cache import Cache, CacheArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.database import Database, DatabaseArgs
from components.deployed_stack import require_possible_settings
from components.fleet import Fleet, FleetArgs
from components.imports import register_imports, require_all_imports_used
from components.keys import Keys, KeysArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.log_bucket import LogBucket, LogBucketArgs
from components.network import Network, NetworkArgs
from components.operations import Operations, OperationsArgs
from components.published import export_outputs
from components.registry import Registry, RegistryArgs
from components.release import register_releases, require_all_releases_used
from components.saved_queries import SavedQueries, SavedQueriesArgs, list_log_groups
from components.services import Services, ServicesArgs
from components.settings import load_settings
from components.topics import Topics, TopicsArgs

settings = load_settings()
deployed = require_possible_settings(settings)
used_imports = register_imports(settings)
protected_resources = register_releases(settings)
account = Account.get_current()
keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
topics = Topics("topics", args=TopicsArgs(settings=settings, account=account, keys=keys))
log_bucket = (
    LogBucket("logs", args=LogBucketArgs(settings=settings, account=account))
    if settings.has_log_bucket
    else None
)
operations = Operations(
    "operations",
    args=OperationsArgs(settings=settings, account=account, keys=keys, log_bucket=log_bucket),
)
network = Network(
    "network",
    args=NetworkArgs(settings=settings, account=account, keys=keys, log_bucket=log_bucket),
)
load_balancer = registry = cache = None
if settings.has_containers:
    registry = Registry("registry", args=RegistryArgs(settings=settings, keys=keys))
if settings.has_load_balancer:
    load_balancer = LoadBalancer(
        "alb",
        args=LoadBalancerArgs(
            settings=settings,
            keys=keys,
            network=network,
            log_bucket=log_bucket,
            deployed_priorities=deployed.route_priorities,
        ),
    )
database = Database(
    "database",
    args=DatabaseArgs(
        settings=settings,
        account=account,
        keys=keys,
        network=network,
        topics=topics,
        operations=operations,
    ),
)
if settings.cache.enabled:
    cache = Cache(
        "cache",
        args=CacheArgs(
            settings=settings, account=account, keys=keys, network=network, operations=operations
        ),
    )
alarms = Alarms(
    "alarms",
    args=AlarmsArgs(settings=settings, topics=topics, network=network, load_balancer=load_balancer),
)
services = fleet = dashboards = access = None
if settings.has_services:
    services_args = ServicesArgs(
        settings=settings,
        account=account,
        keys=keys,
        network=network,
        load_balancer=load_balancer,
        database=database,
        cache=cache,
        alarms=alarms,
    )
    services = Services("services", args=services_args)
if load_balancer and settings.has_fleet:
    fleet = Fleet(
        "fleet",
        args=FleetArgs(
            settings=settings,
            account=account,
            keys=keys,
            network=network,
            topics=topics,
            load_balancer=load_balancer,
            database=database,
            cache=cache,
            deployed_version=deployed.fleet_template_version,
        ),
    )
log_groups = list_log_groups(network, load_balancer, database, cache, services, fleet)
if settings.logs.saved_queries:
    SavedQueries("queries", args=SavedQueriesArgs(settings=settings, log_groups=log_groups))
if settings.dashboards.enabled:
    dashboards = Dashboards(
        "dashboards",
        args=DashboardsArgs(
            settings=settings,
            alarms=alarms,
            network=network,
            load_balancer=load_balancer,
            program_log_groups=log_groups["program"],
        ),
    )
backups = Backups(
    "backups",
    args=BackupsArgs(
        settings=settings,
        account=account,
        keys=keys,
        topics=topics,
        database=database,
        operations=operations,
    ),
)
if settings.access.enabled:
    access = Access(
        "access",
        args=AccessArgs(
            settings=settings,
            account=account,
            keys=keys,
            operations=operations,
            load_balancer=load_balancer,
        ),
    )

export_outputs(
    settings=settings,
    account=account,
    keys=keys,
    network=network,
    load_balancer=load_balancer,
    database=database,
    services=services,
    fleet=fleet,
    cache=cache,
    registry=registry,
    alarms=alarms,
    dashboards=dashboards,
    backups=backups,
    access=access,
)
require_all_imports_used(settings, used_imports)
require_all_releases_used(settings, protected_resources)
