"""Rejects settings that an update cannot bring a deployed stack to, and names the way that can.

Rejects zones that the account does not have, too.

components/deployed_stack.py reads the deployed stack from AWS.
"""

import shlex
from collections.abc import Collection, Iterator, Mapping

from components.facts.backup_regions import BACKUP_DESTINATIONS, replicates_backups_between
from components.facts.extended_support import format_extended_support_command
from components.routing import assign_priorities
from components.settings.deployed_containers import (
    CHANGING_PAGE,
    list_kind_faults,
    list_port_faults,
)
from components.settings.deployed_parts import DeployedStack
from components.settings.loader import SettingsError
from components.settings.stack import Settings


def require_existing_zones(settings: Settings, zone_names: Collection[str]) -> None:
    """Raises SettingsError if the settings name a zone that the account does not have.

    `zone_names` are the account's, like eu-north-1a. Some letters of a region are missing in some
    accounts (Amazon EC2 User Guide, "Regions and Zones"), and local zones are among the names.
    """
    missing_letters = [
        letter for letter, name in settings.availability_zones.items() if name not in zone_names
    ]
    if missing_letters:
        letters = sorted(
            letter for name in zone_names if len(letter := name.removeprefix(settings.region)) == 1
        )
        raise SettingsError(
            f"{settings.project}:network.zones has {', '.join(map(repr, missing_letters))}, must "
            f"have only {', '.join(letters) or 'none'}: the zones of {settings.region} that this "
            "account has"
        )


def require_fitting_zones(settings: Settings, domains: Mapping[str, str]) -> None:
    """Raises SettingsError unless each host name is in its hosted zone.

    `domains` are those of the given zones, by id. Route 53 would refuse the records, once the
    certificate is requested.
    """
    load_balancer = settings.load_balancer
    for host in load_balancer.host_names:
        zone_id = load_balancer.find_zone_id(host)
        domain = domains.get(zone_id) if zone_id else None
        if domain is None or f".{host}".endswith(f".{domain}"):
            continue
        is_domain = host == load_balancer.domain
        key = "domain is" if is_domain else "alternativeNames holds"
        way = "zoneId is that of another" if is_domain else "alternativeZones names its own"
        raise SettingsError(
            f"{settings.project}:loadBalancer.{key} {host!r}, must be a name under {domain!r}, the "
            f"domain of the hosted zone {zone_id}, unless {way}"
        )


def require_possible_changes(settings: Settings, deployed: DeployedStack) -> None:
    """Raises SettingsError if `pulumi up` cannot bring the deployed stack to these settings.

    Each line names the key, its value, the value it must have, and the command to run instead.
    """
    rules = (
        _list_encryption_faults,
        _list_network_faults,
        _list_replication_faults,
        _list_database_faults,
        _list_version_faults,
        _list_storage_faults,
        _list_insights_faults,
        list_kind_faults,
        list_port_faults,
        _list_route_faults,
        _list_scheme_faults,
        _list_cache_faults,
    )
    lines = [
        f"{settings.project}:{line}"
        for list_faults in rules
        for line in list_faults(settings, deployed)
    ]
    if lines:
        raise SettingsError("\n".join(lines))


def list_ineffective_changes(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """Lists the changes that an update leaves undone, each with the command that does it.

    They are no faults: the setting must be changed too, and AWS does not tell Pulumi whether the
    command was run. `ops health` does.
    """
    database, is_wanted = deployed.database, settings.database.extended_support
    if database is not None and database.extended_support not in (None, is_wanted):
        command = format_extended_support_command(
            settings.database_identifier, region=settings.region, is_enrolled=is_wanted
        )
        yield (
            f"{settings.project}:database.extendedSupport is {_format_flag(is_wanted)}, was "
            f"{_format_flag(not is_wanted)}: Pulumi sets it only when the database is created or "
            f"restored. To change the deployed one, run `{command}`"
        )


def _list_encryption_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """RDS, ElastiCache and ECR set the key at creation; another key replaces the resource."""
    if deployed.has_own_keys is None:
        return
    deployed_encryption = "own" if deployed.has_own_keys else "aws"
    if settings.encryption != deployed_encryption:
        yield (
            f"encryption is {settings.encryption!r}, must be {deployed_encryption!r}: the deployed "
            "data stays encrypted with its key, and going to AWS's would delete the stack's own. "
            "A stack of another name with `database.restoreFrom` takes the data over, see "
            f"{CHANGING_PAGE}"
        )


def _list_network_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    if deployed.cidr is not None and str(settings.network.cidr) != deployed.cidr:
        yield (
            f"network.cidr is '{settings.network.cidr}', must be {deployed.cidr!r}: another range "
            "is another VPC, and everything in it would be replaced. A stack of another name with "
            f"`database.restoreFrom` takes the data over, see {CHANGING_PAGE}"
        )
    zones = settings.network.zones
    kept_zones = tuple(zone for zone in deployed.zones if zone in zones)
    if zones[: len(kept_zones)] != kept_zones:
        yield (
            f"network.zones is {_format_list(zones)}, must begin with {_format_list(kept_zones)}: "
            "the first zone has the only NAT device with `nat: one`. New zones go to the end"
        )
    for zone in deployed.zones:
        if zone not in zones:
            yield from _list_zone_faults(settings, deployed, zone=zone)


def _list_zone_faults(settings: Settings, deployed: DeployedStack, *, zone: str) -> Iterator[str]:
    """What is in a zone that goes. AWS re:Post, "How can I delete a subnet that is in an Amazon RDS
    DB subnet group?": an instance leaves a zone by its standby, a standby by Multi-AZ off and on.
    """
    kept = f"network.zones is {_format_list(settings.network.zones)}, must keep {zone!r}"
    database = deployed.database
    if zone in deployed.database_zones:
        if database is not None and database.zone == zone:
            way = (
                "Run `ops db failover` first"
                if database.has_standby
                else "Set `database.multiAz: true` and deploy, run `ops db failover`, then set it "
                "back and deploy"
            )
            yield f"{kept}: the primary database is there. {way}, see {CHANGING_PAGE}"
        else:
            yield (
                f"{kept}: RDS has a host there that `ops db status` shows. A standby goes with "
                "`database.multiAz: false`, until the zone is gone; a replica with "
                "`database.replicas` or `ops db replica remove`, a restored instance with `ops "
                f"recover discard`. See {CHANGING_PAGE}"
            )
    if zone in deployed.cache_zones:
        yield (
            f"{kept}: a node of the cache is there. Set `cache.enabled: false` and deploy, then "
            f"take the zone away; the cache comes back empty, see {CHANGING_PAGE}"
        )


def _list_scheme_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """The scheme is set at creation (Elastic Load Balancing API reference, CreateLoadBalancer), and
    the name is taken as long as the deployed one is there."""
    internal, deployed_internal = settings.load_balancer.internal, deployed.has_internal_balancer
    if not settings.has_load_balancer or deployed_internal in (None, internal):
        return
    yield (
        f"loadBalancer.internal is {_format_flag(internal)}, must be "
        f"{_format_flag(not internal)}: a load balancer keeps its scheme, and another one cannot "
        "have its name. A stack of another name with `database.restoreFrom` takes the data over, "
        f"see {CHANGING_PAGE}"
    )


def _format_flag(flag: bool) -> str:
    return "true" if flag else "false"


def _list_replication_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """A pair that is replicated already is possible, whatever the documented table says."""
    region, recovery_region = settings.region, settings.recovery_region
    if recovery_region is None or not settings.replicates_database_backups:
        return
    deployed_region = deployed.database.backup_region if deployed.database else None
    if recovery_region != deployed_region and not replicates_backups_between(
        region, recovery_region
    ):
        destinations = ", ".join(BACKUP_DESTINATIONS.get(region, ()))
        must_be = f"must be one of {destinations}" if destinations else "must not be set"
        yield (
            f"recoveryRegion is {recovery_region!r}, {must_be} with database.crossRegionBackups: "
            f"RDS does not replicate automated backups from {region} there. Or set "
            "database.crossRegionBackups to false: copies of AWS Backup go to every region, once a "
            "day"
        )


def _list_database_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """RDS User Guide, "Settings for DB instances": DBName and MasterUsername are never modified."""
    database = deployed.database
    if database is None:
        return
    if settings.database.port != database.port:
        yield (
            f"database.port is {settings.database.port}, must be {database.port}, that of the "
            "deployed database: the firewall and the server cannot change at once, and the "
            "secret keeps the old port. A stack of another name with `database.restoreFrom` has "
            f"another port, see {CHANGING_PAGE}"
        )
    if settings.database.restore_from is not None:
        return  # the backup decides the names
    if database.name is not None and settings.database.name != database.name:
        yield (
            f"database.name is {settings.database.name!r}, must be {database.name!r}: RDS creates "
            "a database once and never renames it. Create another one with SQL (`ops db connect`)"
        )
    if settings.database.admin_name != database.admin_name:
        yield (
            f"database.adminName is {settings.database.admin_name!r}, must be "
            f"{database.admin_name!r}: RDS never renames the master user. Create another role "
            "with SQL (`ops db connect`)"
        )


def _list_version_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """RDS User Guide, "Upgrades of the RDS for PostgreSQL DB engine": a minor upgrade
    starts with the replicas and cannot be undone; a major one uses the old parameter group until it
    is done."""
    if deployed.database is None:
        return
    version, deployed_version = (
        settings.database.engine_version,
        deployed.database.engine_version,
    )
    wanted, current = _parse_version(version), _parse_version(deployed_version)
    if wanted[0] == current[0] and (len(wanted) == 1 or wanted == current):
        return
    if wanted < current:
        must_be = str(current[0]) if settings.database.auto_minor_upgrade else deployed_version
        yield (
            f"database.engineVersion is {version!r}, must be {must_be!r}: the deployed database is "
            f"{deployed_version}, and RDS never goes back. An older one takes a restore "
            "(`ops recover snapshot`)"
        )
    elif wanted[0] != current[0]:
        yield (
            f"database.engineVersion is {version!r}, must be '{current[0]}' until the deployed "
            f"database ({deployed_version}) is upgraded: run `ops db upgrade {version}` first"
        )
    elif settings.database.replicas:
        yield (
            f"database.engineVersion is {version!r}, must be {deployed_version!r} until the "
            "replicas and then the primary are upgraded, in the order that RDS asks for: run "
            f"`ops db upgrade {version}` first"
        )


def _list_storage_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """RDS User Guide, "Working with storage": storage never shrinks; the limit of autoscaling
    must be at least 10 % above the allocated storage."""
    database, limit_gb = deployed.database, settings.database.max_storage_gb
    if database is None or settings.database.restore_from is not None:
        return
    if not limit_gb and settings.database.storage_gb < database.storage_gb:
        yield (
            f"database.storageGb is {settings.database.storage_gb}, must be {database.storage_gb} "
            "or more with maxStorageGb 0: the deployed storage has grown to that, and RDS never "
            "shrinks it"
        )
    min_limit_gb = -(-database.storage_gb * 11 // 10)
    if limit_gb and limit_gb != database.max_storage_gb and limit_gb < min_limit_gb:
        yield (
            f"database.maxStorageGb is {limit_gb}, must be 0, or from {min_limit_gb}: a tenth more "
            f"than the deployed storage ({database.storage_gb})"
        )


def _list_insights_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """The provider sends the key of Performance Insights only if the retention changes. RDS treats
    a change of the mode without the key as a change of the key, and refuses it
    (terraform-provider-aws#44046)."""
    database, wanted = deployed.database, settings.database
    if database is None or settings.encryption != "own" or not wanted.performance_insights:
        return
    is_mode_alone = (
        wanted.database_insights != database.insights
        and wanted.performance_insights_days == database.insights_days
    )
    if is_mode_alone:
        other_days = 713 if wanted.performance_insights_days == 731 else 731
        yield (
            f"database.databaseInsights is {wanted.database_insights!r}, must be "
            f"{database.insights!r} unless performanceInsightsDays changes with it (to "
            f"{other_days}, say): otherwise RDS treats it as a change of the key"
        )


def _list_route_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    try:
        assign_priorities(settings.routes, deployed.route_priorities)
    except ValueError as error:
        yield str(error)


def _list_cache_faults(settings: Settings, deployed: DeployedStack) -> Iterator[str]:
    """ElastiCache replaces the group for another port, Redis after Valkey or an older version.
    A new group has the first AUTH token, which the secret no longer holds after a rotation."""
    cache, wanted = deployed.cache, settings.cache
    if cache is None or not wanted.enabled:
        return
    advice = "Take it away with `cache.enabled: false`, then add it again: it comes back empty"
    if wanted.port != cache.port:
        yield (
            f"cache.port is {wanted.port}, must be {cache.port}, that of the deployed cache: "
            f"another port replaces it. {advice}"
        )
    if (cache.engine, wanted.engine) == ("valkey", "redis"):
        yield (
            "cache.engine is 'redis', must be 'valkey': ElastiCache goes from Redis to Valkey, "
            f"never back. {advice}"
        )
    elif (
        cache.engine == wanted.engine
        and cache.engine_version is not None
        and _parse_version(wanted.version) < _parse_version(cache.engine_version)[:2]
    ):
        minor_version = ".".join(cache.engine_version.split(".")[:2])
        yield (
            f"cache.engineVersion is {wanted.version!r}, must be {minor_version!r} or newer, as "
            "the deployed cache is, which AWS upgrades by itself with `cache.autoMinorUpgrade`: "
            f"ElastiCache never goes back. {advice}"
        )
    if not wanted.replicas and cache.has_failover:
        command = shlex.join(
            (
                *("aws", "elasticache", "modify-replication-group", "--apply-immediately"),
                *("--region", settings.region, "--replication-group-id", settings.cache_identifier),
                *("--no-automatic-failover-enabled", "--no-multi-az-enabled"),
            )
        )
        yield (
            "cache.replicas is 0, must be 1 to 5 while the deployed cache fails over by itself: "
            f"ElastiCache keeps the last replica until then. Run `{command}` first"
        )


def _parse_version(version: str) -> tuple[int, ...]:
    """Returns the numbers of a version like 16.9."""
    return tuple(int(part) for part in version.split("."))


def _format_list(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(repr, values))}]"
