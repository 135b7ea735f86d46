"""The pinned authorities of RDS held against those that AWS publishes today."""

import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ops.database.sql.tls import RDS_ROOTS_FILE

BUNDLE_URL = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
PREVIEW_WORDS = ("Preview", "Beta")  # regions that the copy leaves out


def list_bundle_differences(
    pinned: Iterable[x509.Certificate], published: Iterable[x509.Certificate], now: datetime
) -> Iterator[str]:
    """What is pinned and no longer published, and valid roots that are published and not pinned."""
    pinned_by_print = {root.fingerprint(hashes.SHA256()): root for root in pinned}
    published_by_print = {root.fingerprint(hashes.SHA256()): root for root in published}
    for fingerprint, root in pinned_by_print.items():
        if fingerprint not in published_by_print:
            yield f"no longer published: {root.subject.rfc4514_string()}"
    for fingerprint, root in published_by_print.items():
        name = root.subject.rfc4514_string()
        is_wanted = (
            root.issuer == root.subject
            and root.not_valid_after_utc > now
            and not any(word in name for word in PREVIEW_WORDS)
        )
        if is_wanted and fingerprint not in pinned_by_print:
            yield f"not pinned: {name}"


@pytest.mark.network
def test_the_pinned_authorities_are_those_that_aws_publishes() -> None:
    with urllib.request.urlopen(BUNDLE_URL, timeout=30) as response:
        published = x509.load_pem_x509_certificates(response.read())
    pinned = x509.load_pem_x509_certificates(RDS_ROOTS_FILE.read_bytes())
    assert list(list_bundle_differences(pinned, published, datetime.now(UTC))) == []


def build_root(name: str, now: datetime, days: int = 1000) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1)
    builder = builder.not_valid_before(now - timedelta(days=2000))
    return builder.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())


def test_what_differs_from_the_published_bundle_is_named() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    both, gone, new = (build_root(name, now) for name in ("both", "gone", "new"))
    expired, preview = build_root("old", now, days=-1), build_root("Preview eu", now)
    differences = list_bundle_differences([both, gone], [both, new, expired, preview], now)
    assert list(differences) == ["no longer published: CN=gone", "not pinned: CN=new"]
    assert list(list_bundle_differences([both], [both], now)) == []
