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
alb = registry = None
if settings.has_load_balancer:
    alb = LoadBalancer("alb", LoadBalancerArgs(settings, account, keys, network, logs))
    registry = Registry("registry", RegistryArgs(settings, keys))
database = Database("database", DatabaseArgs(settings, account, keys, network, topics, operations))
cache = None
if settings.cache.enabled:
    cache = Cache("cache", CacheArgs(settings, account, keys, network, topics, operations))
alarms = Alarms("alarms", AlarmsArgs(settings, topics, network, alb))
services = fleet = dashboards = access = None
if alb and settings.has_services:
    services_args = ServicesArgs(settings, account, keys, network, alb, database, cache, alarms)
    services = Services("services", services_args)
if alb and settings.has_fleet:
    fleet = Fleet("fleet", FleetArgs(settings, account, keys, network, alb, database, cache))
if settings.dashboards.enabled:
    dashboards = Dashboards("dashboards", DashboardsArgs(settings, alarms, network, alb))
backups = Backups("backups", BackupsArgs(settings, account, keys, topics, database, operations))
if settings.access.enabled:
    access = Access("access", AccessArgs(settings, account, keys, operations, alb))

export(
    settings,
    account,
    keys,
    network=network,
    load_balancer=alb,
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
