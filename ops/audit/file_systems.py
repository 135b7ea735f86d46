"""File systems of the stack that are not encrypted."""

from typing import Final

from ops.audit.model import AuditReport, close_report, is_of_stack
from ops.core.checks import CheckFacts, CheckRoutine, build_read
from ops.core.counts import format_count
from ops.database.instance import parse_tags

_FILE_SYSTEMS_API: Final = "efs.describe_file_systems"
FILE_SYSTEMS_KEY: Final = "file-system-encryption"
_AWS_MANAGED_KEY: Final = "alias/aws/elasticfilesystem"  # of a stack without keys of its own


def check_file_systems(facts: CheckFacts) -> CheckRoutine:
    """Judges each file system with the stack's tags. EFS encrypts one only when it is made.

    Source: EFS User Guide, "Encrypting data at rest".
    """
    report, outputs = AuditReport(facts, FILE_SYSTEMS_KEY, "file systems"), facts.outputs
    stack = outputs.stack
    (answer,) = yield [build_read(_FILE_SYSTEMS_API, "FileSystems")]
    file_systems = [
        item
        for item in report.get_items(answer)
        if is_of_stack(outputs, parse_tags(item.get("Tags")))
    ]
    encrypted = {str(item.get("CreationToken")) for item in file_systems if item.get("Encrypted")}
    for item in file_systems:
        name = str(item["FileSystemId"])
        if item.get("Encrypted"):
            continue
        token = f"{name}-encrypted"
        is_replaced = token in encrypted
        tags = " ".join(
            f"Key={key},Value={value}"
            for key, value in (("Project", stack.project), ("Environment", stack.stack))
        )
        report.add(
            name,
            "it is not encrypted: its files are copied to the encrypted one that was made for "
            "them, then it is deleted"
            if is_replaced
            else "it is not encrypted: only a new one, to which its files are copied, can be",
            f"aws efs delete-file-system --region {stack.region} --file-system-id {name}"
            if is_replaced
            else f"aws efs create-file-system --region {stack.region} --creation-token {token} "
            f"--encrypted --kms-key-id {stack.data_key_arn or _AWS_MANAGED_KEY} --tags {tags}",
            severity="high",
            reason="CIS AWS Foundations 3.0 2.4.1; FSBP EFS.1, EFS.8",
            since=str(item.get("CreationTime") or ""),
        )
    looked_at = f"{format_count(len(file_systems), 'file system')}: encrypted"
    return (yield from close_report(report, looked_at))
