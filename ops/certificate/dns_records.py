"""What DNS says of a certificate's names: its validation records, and who may issue for them."""

from collections.abc import Iterable
from typing import Final

from ops.certificate.model import ValidationRecord
from ops.core import dns_query

# One of these must be named for ACM to issue: ACM User Guide, "Configure a CAA record".
CAA_ISSUERS: Final = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")


def normalize_name(name: str) -> str:
    """A name of DNS in small letters, without the root's dot."""
    return name.rstrip(".").lower()


def list_missing_records(records: Iterable[ValidationRecord]) -> list[tuple[ValidationRecord, str]]:
    """The records that DNS does not have, each with what is there instead; one of each name.

    A name and its wildcard share one. Raises DnsError if no resolver answers.
    """
    missing: list[tuple[ValidationRecord, str]] = []
    for record in {normalize_name(record.name): record for record in records}.values():
        values = dns_query.query_dns(normalize_name(record.name), "CNAME")
        if normalize_name(record.value) not in map(normalize_name, values):
            missing.append((record, ", ".join(values)))
    return missing


def find_caa_refusal(name: str) -> str:
    """The CAA records that forbid Amazon to issue for a name; empty if none do.

    The nearest ones upwards count, those for wildcards first if it is one: RFC 8659, sections 3
    and 4. Raises DnsError if no resolver answers.
    """
    labels = normalize_name(name.removeprefix("*.")).split(".")
    for start in range(len(labels)):
        owner = ".".join(labels[start:])
        texts = dns_query.query_dns(owner, "CAA")
        if not texts:
            continue
        by_tag: dict[str, list[str]] = {}
        for text in texts:
            _flags, tag, value = text.split(maxsplit=2)
            by_tag.setdefault(tag.lower(), []).append(value.strip('"').partition(";")[0].strip())
        issuers = by_tag.get("issuewild") if name.startswith("*.") else None
        issuers = by_tag.get("issue") if issuers is None else issuers
        if issuers is None or set(map(str.lower, issuers)) & set(CAA_ISSUERS):
            return ""
        return f"{owner} CAA {'; '.join(texts)}"
    return ""


def format_record(record: ValidationRecord) -> str:
    """The record as a line of a zone file."""
    return f"{record.name} CNAME {record.value}"
