"""Certificates, and the wait until one is issued."""

from typing import Final

from sandbox.resources.entry import Call, Entries, Entry

_DESCRIBED: Final = Call("acm.describe_certificate", {"CertificateArn": "id"})

ENTRIES: Entries = {
    "aws:acm/certificate:Certificate": Entry(
        "acm.request_certificate",
        id="out.CertificateArn",
        then=(Call("acm.describe_certificate", {"CertificateArn": "id"}, keep="seen"),),
        outputs={
            "arn": "id",
            "status": "seen.Certificate.Status",
            "type": "seen.Certificate.Type",
            "domainValidationOptions": "seen.Certificate.DomainValidationOptions[]"
            ".{domainName: DomainName, resourceRecordName: ResourceRecord.Name, "
            "resourceRecordType: ResourceRecord.Type, resourceRecordValue: ResourceRecord.Value}",
        },
        find=_DESCRIBED,
        found="out.Certificate",
    ),
    "aws:acm/certificateValidation:CertificateValidation": Entry(
        Call("acm.describe_certificate", {"CertificateArn": "in.certificateArn"}),
        id="in.certificateArn",
        left={"validationRecordFqdns": "the records themselves are in Route 53"},
        wait="acm.certificate_validated",
        wait_for={"CertificateArn": "id"},
        find=_DESCRIBED,
        found="out.Certificate.Status == 'ISSUED'",
    ),
}
