"""What must exist in AWS before a stack can: what its settings name and others own."""

from typing import Final

from moto.acm.models import acm_backends
from moto.rds.models import rds_backends
from moto.route53.models import route53_backends

from components.settings import RestoreFrom, Settings
from sandbox.aws import ACCOUNT, PARTITION, client

_ELSEWHERE: Final = "restored-from"  # stands for a database that the stack does not have


def put(settings: Settings) -> None:
    """Puts into the in-memory AWS what a stack takes for granted."""
    balancer = settings.load_balancer
    domain = balancer.domain or "app.example.com"
    if settings.has_load_balancer and balancer.zone_id is not None:
        _zone(balancer.zone_id, domain.partition(".")[2])
    if settings.has_load_balancer and balancer.certificate_arn is not None:
        _certificate(balancer.certificate_arn, domain)
    if (source := settings.database.restore_from) is not None:
        _source(source, settings)


def _zone(id_: str, domain: str) -> None:
    """A hosted zone of that id."""
    made = client("route53", "us-east-1").create_hosted_zone(Name=domain, CallerReference=id_)
    zones = route53_backends[ACCOUNT][PARTITION].zones
    zone = zones.pop(made["HostedZone"]["Id"].rpartition("/")[2])
    zone.resource_id = id_
    zones[id_] = zone


def _certificate(arn: str, domain: str) -> None:
    """An issued certificate of that ARN."""
    region = arn.split(":")[3]
    made = client("acm", region).request_certificate(DomainName=domain, ValidationMethod="DNS")
    certificates = acm_backends[ACCOUNT][region]._certificates
    certificate = certificates.pop(made["CertificateArn"])
    certificate.arn, certificate.status = arn, "ISSUED"
    certificates[arn] = certificate


def _source(source: RestoreFrom, settings: Settings) -> None:
    """The database, snapshot or automated backup that a new database takes its data from."""
    rds = client("rds", settings.region)
    database = settings.database
    identifier = source.instance or _ELSEWHERE
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
        rds_backends[ACCOUNT][settings.region].databases[
            identifier
        ].dbi_resource_id = source.resource_id
        rds.delete_db_instance(
            DBInstanceIdentifier=identifier, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
        )
