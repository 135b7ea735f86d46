"""The architecture on one page: settings in, components wired, outputs out."""

from components.access import Access, AccessArgs
from components.account import Account
from components.alarms import Alarms, AlarmsArgs
from components.backups import Backups, BackupsArgs
from components.cache import Cache, CacheArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.database import Database, DatabaseArgs
from components.fleet import Fleet, FleetArgs
from components.imports import register_imports, require_all_imports_used
from components.keys import Keys, KeysArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.log_bucket import LogBucket, LogBucketArgs
from components.network import Network, NetworkArgs
from components.operations import Operations, OperationsArgs
from components.published import export_outputs
from components.registry import Registry, RegistryArgs
from components.services import Services, ServicesArgs
from components.settings import load_settings
from components.standing import require_possible_settings
from components.topics import Topics, TopicsArgs

settings = load_settings()
require_possible_settings(settings)
used_imports = register_imports(settings)
account = Account.get_current()
keys = Keys("keys", KeysArgs(settings, account))
topics = Topics("topics", TopicsArgs(settings, account, keys))
log_bucket = (
    LogBucket("logs", LogBucketArgs(settings, account)) if settings.has_log_bucket else None
)
operations = Operations("operations", OperationsArgs(settings, account, keys, log_bucket))
network = Network("network", NetworkArgs(settings, account, keys, log_bucket))
load_balancer = registry = None
if settings.has_load_balancer:
    load_balancer = LoadBalancer("alb", LoadBalancerArgs(settings, keys, network, log_bucket))
    registry = Registry("registry", RegistryArgs(settings, keys))
database = Database("database", DatabaseArgs(settings, account, keys, network, topics, operations))
cache = None
if settings.cache.enabled:
    cache = Cache("cache", CacheArgs(settings, account, keys, network, operations))
alarms = Alarms("alarms", AlarmsArgs(settings, topics, network, load_balancer))
services = fleet = dashboards = access = None
if load_balancer and settings.has_services:
    services_args = ServicesArgs(
        settings, account, keys, network, load_balancer, database, cache, alarms
    )
    services = Services("services", services_args)
if load_balancer and settings.has_fleet:
    fleet = Fleet(
        "fleet", FleetArgs(settings, account, keys, network, load_balancer, database, cache)
    )
if settings.dashboards.enabled:
    dashboards = Dashboards("dashboards", DashboardsArgs(settings, alarms, network, load_balancer))
backups = Backups("backups", BackupsArgs(settings, keys, topics, database, operations))
if settings.access.enabled:
    access = Access("access", AccessArgs(settings, account, keys, operations, load_balancer))

export_outputs(
    settings,
    account,
    keys,
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
