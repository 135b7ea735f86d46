"""The names that the stack answers to: their zone, their certificate, their records."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.component import Component
from components.settings import Settings
from components.settings.load_balancer import strip_wildcard

VALIDATION_TTL_SECONDS = 60  # seconds


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    settings: Settings


class Certificate(Component):
    """`bulwark:index:Certificate`: an ACM certificate for the load balancer's host names.

    Children, each only where the settings ask for it: the hosted zone and the certificate, both
    `{name}`; a record `{name}-{host name}` that proves each name; the validation `{name}`.

    The record that proves a name stays in a zone that is given: another stack's certificate of
    the name has the same one, and is renewed by it.

    `arn` is known once the certificate can be used; the zone's id and name servers where there
    is a zone. ACM renews the certificate for as long as the records exist (ACM.1), and its key
    is RSA 2048 (ACM.2). CloudWatch counts its days to expiry by `arn`.
    """

    arn: Output[str] | None = None
    zone_id: Output[str] | None = None
    name_servers: Output[list[str]] | None = None

    def __init__(
        self, name: str, *, args: CertificateArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Certificate", name, settings=args.settings, opts=opts)
        load_balancer_settings = args.settings.load_balancer
        if load_balancer_settings.create_zone and load_balancer_settings.domain is not None:
            zone = aws.route53.Zone(
                name,
                name=load_balancer_settings.domain,
                force_destroy=args.settings.is_discarded("records"),
                opts=self.build_protected_options(),
            )
            self.zone_id, self.name_servers = zone.zone_id, zone.name_servers.apply(sorted)
        elif load_balancer_settings.zone_id is not None:
            self.zone_id = Output.from_input(load_balancer_settings.zone_id)
        if load_balancer_settings.certificate_arn is not None:
            self.arn = Output.from_input(load_balancer_settings.certificate_arn)
        elif self.zone_id is not None:
            self.arn = self._create_certificate(load_balancer_settings.host_names, self.zone_id)
        self.register_outputs(
            {"arn": self.arn, "zone_id": self.zone_id, "name_servers": self.name_servers}
        )

    def _create_certificate(self, host_names: tuple[str, ...], zone_id: Output[str]) -> Output[str]:
        certificate = aws.acm.Certificate(
            self.name,
            domain_name=host_names[0],
            subject_alternative_names=list(host_names[1:]) or None,
            validation_method="DNS",
            key_algorithm="RSA_2048",
            opts=self.child_options,
        )
        # A name and its wildcard share one record, so it is made once.
        validation_hosts = dict.fromkeys(map(strip_wildcard, host_names))
        records = [
            self._create_validation_record(host, certificate=certificate, zone_id=zone_id)
            for host in validation_hosts
        ]
        return aws.acm.CertificateValidation(
            self.name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn for record in records],
            opts=self.child_options,
        ).certificate_arn

    def _create_validation_record(
        self, host: str, *, certificate: aws.acm.Certificate, zone_id: Input[str]
    ) -> aws.route53.Record:
        """The record by which ACM sees that the host name is ours."""
        given_zone_id = self.settings.load_balancer.find_zone_id(host)
        option = certificate.domain_validation_options.apply(
            lambda options: _get_validation_option(host, options)
        )
        return aws.route53.Record(
            self.format_logical_name(host),
            zone_id=given_zone_id or zone_id,
            name=option.apply(lambda details: details.resource_record_name or ""),
            type="CNAME",  # always, for DNS validation
            records=[option.apply(lambda details: details.resource_record_value or "")],
            ttl=VALIDATION_TTL_SECONDS,
            allow_overwrite=True,  # another stack's certificate for the name has the same record
            opts=self.build_child_options(retain_on_delete=given_zone_id is not None),
        )


def _get_validation_option(
    host: str, options: Sequence[aws.acm.outputs.CertificateDomainValidationOption]
) -> aws.acm.outputs.CertificateDomainValidationOption:
    """The record by which ACM validates a host name; ACM lists them in any order."""
    for option in options:
        if strip_wildcard(option.domain_name or "") == host:
            return option
    raise LookupError(f"ACM asks for no record of {host}")
