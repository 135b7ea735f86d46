"""The architecture on one page: settings in, components wired, outputs out."""

from components.access import Access, AccessArgs
from components.account import Account
from components.alarms import Alarms, AlarmsArgs
from components.backups import Backups, BackupsArgs
from components.cache import Cache, CacheArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.database import Database, DatabaseArgs
from components.fleet import Fleet, FleetArgs
from components.keys import Keys, KeysArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.log_bucket import LogBucket, LogBucketArgs
from components.network import Network, NetworkArgs
from components.operations import Operations, OperationsArgs
from components.published import export
from components.registry import Registry, RegistryArgs
from components.services import Services, ServicesArgs
from components.settings import read
from components.topics import Topics, TopicsArgs

settings = read()
account = Account.current()
keys = Keys("keys", KeysArgs(settings, account))
topics = Topics("topics", TopicsArgs(settings, account, keys))
logs = LogBucket("logs", LogBucketArgs(settings, account)) if settings.has_log_bucket else None
operations = Operations("operations", OperationsArgs(settings, account, keys, logs))
network = Network("network", NetworkArgs(settings, account, keys, logs))
alb = (
    LoadBalancer("alb", LoadBalancerArgs(settings, account, keys, network, logs))
    if settings.has_load_balancer
    else None
)
database = Database("database", DatabaseArgs(settings, account, keys, network, topics, operations))
cache = (
    Cache("cache", CacheArgs(settings, account, keys, network, topics, operations))
    if settings.cache.enabled
    else None
)
registry = (
    Registry("registry", RegistryArgs(settings, keys)) if settings.has_load_balancer else None
)
alarms = Alarms("alarms", AlarmsArgs(settings, topics, network, alb))
services = (
    Services(
        "services",
        ServicesArgs(settings, account, keys, network, alb, database, cache, alarms),
    )
    if alb and settings.has_services
    else None
)
fleet = (
    Fleet("fleet", FleetArgs(settings, account, keys, network, alb, database, cache))
    if alb and settings.has_fleet
    else None
)
dashboards = (
    Dashboards("dashboards", DashboardsArgs(settings, alarms, network, alb))
    if settings.dashboards.enabled
    else None
)
backups = Backups("backups", BackupsArgs(settings, account, keys, topics, database, operations))
access = (
    Access("access", AccessArgs(settings, account, keys, operations, alb))
    if settings.access.enabled
    else None
)

export(
    settings, account, keys,
    network=network, load_balancer=alb, database=database, services=services, fleet=fleet,
    cache=cache, registry=registry, alarms=alarms, dashboards=dashboards, backups=backups,
    access=access,
)  # fmt: skip
