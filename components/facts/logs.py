"""Facts of log groups."""

from typing import Final

from components.facts.billing import build_usage_lister
from components.facts.model import ChangeEffect, DataLoss, Encryption, ProtectionRule, ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:cloudwatch/logGroup:LogGroup",
        updates={
            "kmsKeyId": ChangeEffect(
                "new logs are encrypted with another key; older ones still need the old key",
                "none while the key lets CloudWatch Logs use it",
                "CloudWatch Logs User Guide, Encrypt log data",
            ),
        },
        list_charges=build_usage_lister("logs", "logs"),
        data_loss=DataLoss(
            "all its logs",
            "none; alarms on it have no data",
            "CloudWatch Logs API Reference, DeleteLogGroup",
        ),
        protections=(
            ProtectionRule(
                "retentionInDays",
                "shorter",
                "logs older than that are deleted",
                "CloudWatch Logs API Reference, PutRetentionPolicy",
            ),
        ),
        encryption=Encryption(
            rule="log-group-key",
            description="A log group is encrypted with a key of the stack's own.",
            key_property="kmsKeyId",
            prod_only=True,
        ),
        is_taggable=True,
        service="logs",
    ),
)
