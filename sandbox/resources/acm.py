"""Certificates, and the wait until one is issued."""

from typing import Final

from sandbox.resources.entry import EntryCall, EntryTable, ResourceEntry

_DESCRIBE_CERTIFICATE: Final = EntryCall("acm.describe_certificate", {"CertificateArn": "id"})

ENTRIES: EntryTable = {
    "aws:acm/certificate:Certificate": ResourceEntry(
        "acm.request_certificate",
        id="out.CertificateArn",
        later_calls=(
            EntryCall("acm.describe_certificate", {"CertificateArn": "id"}, result_name="seen"),
        ),
        outputs={
            "arn": "id",
            "status": "seen.Certificate.Status",
            "type": "seen.Certificate.Type",
            "domainValidationOptions": "seen.Certificate.DomainValidationOptions[]"
            ".{domainName: DomainName, resourceRecordName: ResourceRecord.Name, "
            "resourceRecordType: ResourceRecord.Type, resourceRecordValue: ResourceRecord.Value}",
        },
        find_call=_DESCRIBE_CERTIFICATE,
        find_result="out.Certificate",
    ),
    "aws:acm/certificateValidation:CertificateValidation": ResourceEntry(
        EntryCall("acm.describe_certificate", {"CertificateArn": "in.certificateArn"}),
        id="in.certificateArn",
        ignored_inputs={"validationRecordFqdns": "the records themselves are in Route 53"},
        waiter="acm.certificate_validated",
        waiter_params={"CertificateArn": "id"},
        find_call=_DESCRIBE_CERTIFICATE,
        find_result="out.Certificate.Status == 'ISSUED'",
    ),
}
