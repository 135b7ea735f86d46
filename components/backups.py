"""AWS Backup: vaults, the plan, copies to another region, restore tests, failure notices."""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import build_contract_part
from components.database import Database
from components.keys import Keys
from components.operations import Operations
from components.policies import create_service_role, format_compact_json
from components.settings import Settings
from components.settings.backups import START_WINDOW_MINUTES
from components.topics import Topics
from ops.outputs import BackupsPart, build_outputs_path

BACKUP_MANAGED_POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
)
COMPLETION_WINDOW_MINUTES = 480  # minutes after which a job that has begun is cancelled
# Jobs say `state`, restore jobs `status` (AWS Backup Developer Guide, EventBridge).
FAILED_JOB_STATES = ("ABORTED", "EXPIRED", "FAILED", "PARTIAL")
BACKUP_JOB_TYPES = ("Backup", "Copy", "Restore")


@dataclass(frozen=True, kw_only=True)
class BackupsArgs:
    settings: Settings
    account: Account
    keys: Keys
    topics: Topics
    database: Database
    operations: Operations


class Backups(Component):
    """`bulwark:index:Backups`: backups of the database that outlive the database (RDS.26).

    Children: vaults `{name}` and `{name}-recovery`, the role `{name}-service`, the plan and its
    selection `{name}`, `{name}-restore-test`, and the rule `{name}-failed`. It has no
    children if the settings turn AWS Backup off; `part` then has only the operations bucket.

    Point-in-time recovery stays with RDS: a continuous AWS Backup rule would take over the
    retention and the window that the database's settings own.
    """

    def __init__(
        self, name: str, *, args: BackupsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("Backups", name, settings=args.settings, opts=opts)
        self._args = args
        settings = args.settings
        vault_name: Output[str] | None = None
        recovery_vault_arn: Output[str] | None = None
        plan_id: Output[str] | None = None
        role_arn: Output[str] | None = None
        restore_testing_plan: Output[str] | None = None
        if settings.backups.enabled:
            backup_role = self._create_role()
            role_arn = backup_role.arn
            backup_vault = self._create_vault(
                name,
                kms_key=args.keys.vault,
                region=None,
                shortest_days=settings.backups.shortest_retention_days,
            )
            vault_name = backup_vault.name
            if settings.copies_backups:
                recovery_vault_arn = self._create_vault(
                    self.format_logical_name("recovery"),
                    kms_key=args.keys.recovery,
                    region=settings.recovery_region,
                    shortest_days=settings.backups.copy_days,
                ).arn
            plan_id = self._create_plan(
                backup_vault, copy_vault_arn=recovery_vault_arn, role_arn=role_arn
            )
            self._create_failure_rule(role_arn)
            if settings.backups.restore_testing:
                restore_testing_plan = self._create_restore_testing_plan(backup_vault, role_arn)
        self.part = build_contract_part(
            BackupsPart,
            vault=vault_name,
            plan_id=plan_id,
            role_arn=role_arn,
            recovery_vault_arn=recovery_vault_arn,
            restore_testing_plan=restore_testing_plan,
            operations_bucket=args.operations.bucket,
            recovery_bucket=args.operations.recovery_bucket,
            export_role_arn=args.operations.export_role_arn,
            outputs_path=build_outputs_path(settings.project, settings.stack),
        )
        self.register_outputs({"part": self.part})

    def _create_role(self) -> aws.iam.Role:
        return create_service_role(
            self,
            "service",
            service="backup.amazonaws.com",
            account=self._args.account,
            statements=[],
            managed_policies=BACKUP_MANAGED_POLICIES,
        )

    def _create_vault(
        self, key: str, *, kms_key: Output[str] | None, region: str | None, shortest_days: int
    ) -> aws.backup.Vault:
        """Creates an encrypted vault (Backup.1), locked if the settings say so.

        A vault keeps the key that it was created with: with another one Pulumi would replace it.
        """
        backups = self.settings.backups
        vault = aws.backup.Vault(
            key,
            name=self.format_physical_name(self.name),
            kms_key_arn=kms_key,
            force_destroy=self.settings.is_discarded("recoveryPoints"),
            region=region,
            opts=self.build_data_options("recoveryPoints", ignore_changes=["kms_key_arn"]),
        )
        if backups.lock != "none":
            changeable_days = backups.lock_grace_days if backups.lock == "compliance" else None
            aws.backup.VaultLockConfiguration(
                key,
                backup_vault_name=vault.name,
                min_retention_days=shortest_days,
                changeable_for_days=changeable_days,
                region=region,
                # One per vault: the end of the old lock would unlock the vault again.
                opts=self.build_guard_options("recoveryPoints", delete_before_replace=True),
            )
        return vault

    def _create_plan(
        self, vault: aws.backup.Vault, *, copy_vault_arn: Output[str] | None, role_arn: Output[str]
    ) -> Output[str]:
        backups = self.settings.backups
        cron_time = _format_cron_time(backups.time)
        schedules = (
            ("daily", f"cron({cron_time} * * ? *)", backups.daily_days),
            ("weekly", f"cron({cron_time} ? * SUN *)", backups.weekly_days),
            ("monthly", f"cron({cron_time} 1 * ? *)", backups.monthly_days),
        )
        copy_actions: list[aws.backup.PlanRuleCopyActionArgsDict] = []
        if copy_vault_arn is not None:
            copy_actions.append(
                {
                    "destination_vault_arn": copy_vault_arn,
                    "lifecycle": {"delete_after": backups.copy_days},
                }
            )
        rules: list[aws.backup.PlanRuleArgsDict] = [
            {
                "rule_name": rule_name,
                "target_vault_name": vault.name,
                "schedule": schedule,
                "start_window": START_WINDOW_MINUTES,
                "completion_window": COMPLETION_WINDOW_MINUTES,
                "lifecycle": {"delete_after": days},
                "copy_actions": copy_actions,
            }
            for rule_name, schedule, days in schedules
        ]
        plan = aws.backup.Plan(
            self.name,
            name=self.format_physical_name(self.name),
            rules=rules,
            opts=self.child_options,
        )
        aws.backup.Selection(
            self.name,
            name=self.format_physical_name(self.name),
            plan_id=plan.id,
            iam_role_arn=role_arn,
            resources=[self._args.database.arn],
            opts=self.child_options,
        )
        return plan.id

    def _create_restore_testing_plan(
        self, vault: aws.backup.Vault, role_arn: Output[str]
    ) -> Output[str]:
        """Each Monday the newest backup becomes a database, which AWS deletes again.

        It is in the database's subnets, in the VPC's default security group, which lets
        nobody in: AWS Backup would otherwise look for a default VPC.
        """
        backups = self.settings.backups
        plan = aws.backup.RestoreTestingPlan(
            self.format_logical_name("restore-test"),
            # Letters, digits and underscores only, says the API.
            name=self.format_physical_name("restore-test").replace("-", "_"),
            schedule_expression=f"cron({_format_cron_time(backups.time)} ? * MON *)",
            start_window_hours=8,
            recovery_point_selection={
                "algorithm": "LATEST_WITHIN_WINDOW",
                "include_vaults": [vault.arn],
                "recovery_point_types": ["SNAPSHOT"],
                "selection_window_days": 7,
            },
            opts=self.child_options,
        )
        subnet_group = self._args.database.part.apply(lambda part: str(part["subnetGroup"]))
        aws.backup.RestoreTestingSelection(
            self.format_logical_name("restore-test"),
            name="database",
            restore_testing_plan_name=plan.name,
            protected_resource_type="RDS",
            protected_resource_conditions={
                "string_equals": [
                    {"key": "aws:ResourceTag/Name", "value": self.settings.database_identifier}
                ]
            },
            iam_role_arn=role_arn,
            validation_window_hours=backups.restore_test_hours,
            restore_metadata_overrides={"dbSubnetGroupName": subnet_group},
            opts=self.child_options,
        )
        return plan.name

    def _create_failure_rule(self, role_arn: Output[str]) -> None:
        """Failed jobs of this stack's role to the warn topic.

        By EventBridge: a vault's own notifications no longer know failed backup jobs, nor
        restore tests.
        """
        pattern = role_arn.apply(
            lambda arn: format_compact_json(
                {
                    "source": ["aws.backup"],
                    "detail-type": [
                        f"{job_type} Job State Change" for job_type in BACKUP_JOB_TYPES
                    ],
                    "detail": {
                        "iamRoleArn": [arn],
                        "$or": [
                            {"state": list(FAILED_JOB_STATES)},
                            {"status": list(FAILED_JOB_STATES)},
                        ],
                    },
                }
            )
        )
        rule = aws.cloudwatch.EventRule(
            self.format_logical_name("failed"),
            name=self.format_physical_name(self.name, "failed"),
            description="Jobs of AWS Backup that did not complete",
            event_pattern=pattern,
            opts=self.child_options,
        )
        aws.cloudwatch.EventTarget(
            self.format_logical_name("failed"),
            rule=rule.name,
            arn=self._args.topics.warn,
            input_transformer={
                "input_paths": {
                    "event": "$.detail-type",
                    "resource": "$.detail.resourceArn",
                    "state": "$.detail.state",
                    "status": "$.detail.status",
                    "message": "$.detail.statusMessage",
                },
                "input_template": f'"{self.settings.prefix}: <event> <state><status> <resource> '
                '<message>. Look with: ops health"',
            },
            opts=self.child_options,
        )


def _format_cron_time(time: str) -> str:
    """Minute and hour of an AWS cron expression from hh:mm."""
    hour, minute = time.split(":")
    return f"{int(minute)} {int(hour)}"
