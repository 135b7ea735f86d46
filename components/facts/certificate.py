"""Facts of certificates, hosted zones and records."""

from typing import Final

from components.facts.billing import build_flat_lister
from components.facts.model import ChangeEffect, DataLoss, ProtectionRule, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:acm/certificate:Certificate",
        replacing=("domainName", "keyAlgorithm", "validationMethod"),
        removal=ChangeEffect(
            "the listener needs the new one, which must be validated first",
            "none while the old one is kept until then",
            "ACM User Guide, DNS validation",
        ),
        is_taggable=True,
    ),
    ResourceFact(
        type="aws:acm/certificateValidation:CertificateValidation",
        replacing=("certificateArn",),
        harmless=("validationRecordFqdns",),
    ),
    ResourceFact(
        type="aws:route53/record:Record",
        replacing=("type", "zoneId"),
        harmless=("allowOverwrite",),
        updates=dict.fromkeys(
            ("records", "aliases", "ttl"),
            ChangeEffect(
                "the name resolves to another address",
                "until cached answers expire (the TTL)",
                "Route 53 Developer Guide, Values for records",
            ),
        ),
        removal=ChangeEffect(
            "the name does not resolve meanwhile",
            "seconds, plus the time that resolvers cache the answer",
            "Route 53 Developer Guide, Values for records",
        ),
    ),
    ResourceFact(
        type="aws:route53/zone:Zone",
        harmless=("comment",),
        protections=(
            ProtectionRule(
                "forceDestroy",
                "on",
                "a later deletion also deletes its records",
                "Route 53 Developer Guide, Deleting a public hosted zone",
            ),
        ),
        list_charges=build_flat_lister("hosted zone", "hosted_zone"),
        data_loss=DataLoss(
            "its records; a new zone has other name servers",
            ("until the registrar has the new name servers and caches expire: up to 48 h"),
            "Route 53 Developer Guide, Deleting a public hosted zone",
        ),
        is_taggable=True,
    ),
)
