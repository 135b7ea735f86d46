"""What must exist in AWS before a stack: resources of others that its settings name."""

from typing import Final

from moto.acm.models import acm_backends
from moto.rds.models import rds_backends
from moto.route53.models import route53_backends

from components.settings import Settings
from components.settings.database import RestoreFrom
from sandbox.aws import ACCOUNT_ID, AWS_PARTITION, get_client

_ABSENT_SOURCE: Final = "restored-from"  # a source database that is not the stack's own


def create_prerequisites(settings: Settings) -> None:
    """Creates in the in-memory AWS what a stack's settings refer to."""
    load_balancer = settings.load_balancer
    domain = load_balancer.domain or "app.example.com"
    if settings.has_load_balancer and load_balancer.zone_id is not None:
        _create_zone(load_balancer.zone_id, domain.partition(".")[2])
    if settings.has_load_balancer:
        for host, zone_id in load_balancer.alternative_zones.items():
            _create_zone(zone_id, host.removeprefix("*.").partition(".")[2])
    if settings.has_load_balancer and load_balancer.certificate_arn is not None:
        _create_certificate(load_balancer.certificate_arn, domain)
    if (source := settings.database.restore_from) is not None:
        _create_restore_source(source, settings)


def _create_zone(zone_id: str, domain: str) -> None:
    """A hosted zone of that id."""
    response = get_client("route53", "us-east-1").create_hosted_zone(
        Name=domain, CallerReference=zone_id
    )
    zones = route53_backends[ACCOUNT_ID][AWS_PARTITION].zones
    zone = zones.pop(response["HostedZone"]["Id"].rpartition("/")[2])
    zone.resource_id = zone_id
    zones[zone_id] = zone


def _create_certificate(arn: str, domain: str) -> None:
    """An issued certificate of that ARN."""
    region = arn.split(":")[3]
    response = get_client("acm", region).request_certificate(
        DomainName=domain, ValidationMethod="DNS"
    )
    certificates = acm_backends[ACCOUNT_ID][region]._certificates
    certificate = certificates.pop(response["CertificateArn"])
    certificate.arn, certificate.status = arn, "ISSUED"
    certificates[arn] = certificate


def _create_restore_source(source: RestoreFrom, settings: Settings) -> None:
    """The database, snapshot or automated backup that a new database is restored from."""
    rds = get_client("rds", settings.region)
    database = settings.database
    identifier = source.instance or _ABSENT_SOURCE
    rds.create_db_instance(
        DBInstanceIdentifier=identifier,
        DBInstanceClass=database.instance_class,
        Engine="postgres",
        EngineVersion=database.engine_version,
        AllocatedStorage=database.storage_gb,
        MasterUsername=database.admin_name,
        MasterUserPassword="of-the-source",
        DBName=database.name,
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
    )
    if source.snapshot is not None:
        rds.create_db_snapshot(
            DBInstanceIdentifier=identifier,
            DBSnapshotIdentifier=source.snapshot.rpartition(":")[2],
        )
    if source.resource_id is not None:
        rds_backends[ACCOUNT_ID][settings.region].databases[
            identifier
        ].dbi_resource_id = source.resource_id
        rds.delete_db_instance(
            DBInstanceIdentifier=identifier, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
        )
