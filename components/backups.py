"""AWS Backup: vaults, the plan, copies to another region, restore tests, word of failures."""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import contract
from components.database import Database
from components.keys import Keys
from components.operations import Operations
from components.policies import json_text, service_role
from components.settings import Settings
from components.settings.backups import START_WINDOW
from components.topics import Topics
from ops.outputs import BackupsPart, outputs_path

MANAGED = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
)
COMPLETION_WINDOW = 480  # minutes after which a job that has begun is cancelled
# Jobs say `state`, restore jobs `status` (AWS Backup Developer Guide, EventBridge).
FAILED = ("ABORTED", "EXPIRED", "FAILED", "PARTIAL")
JOBS = ("Backup", "Copy", "Restore")


@dataclass(frozen=True)
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
    selection `{name}`, `{name}-restore-test`, and the rule `{name}-failed`. None where the
    settings turn AWS Backup off; `part` then only knows the operations bucket.

    Point-in-time recovery stays with RDS: a continuous AWS Backup rule would take over the
    retention and the window that the database's settings own.
    """

    def __init__(self, name: str, args: BackupsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Backups", name, args.settings, opts)
        self._args = args
        settings = args.settings
        vault: Output[str] | None = None
        recovery: Output[str] | None = None
        plan: Output[str] | None = None
        role: Output[str] | None = None
        test: Output[str] | None = None
        if settings.backups.enabled:
            made = self._role()
            role = made.arn
            here = self._vault(name, args.keys.data, None, settings.backups.shortest_days)
            vault = here.name
            if settings.copies_backups:
                recovery = self._vault(
                    self.key("recovery"),
                    args.keys.recovery,
                    settings.recovery_region,
                    settings.backups.copy_days,
                ).arn
            plan = self._plan(here, recovery, role)
            self._tell_of_failures(role)
            if settings.backups.restore_testing:
                test = self._restore_test(here, role)
        self.part = contract(
            BackupsPart,
            vault=vault,
            plan_id=plan,
            role_arn=role,
            recovery_vault_arn=recovery,
            restore_testing_plan=test,
            operations_bucket=args.operations.bucket,
            recovery_bucket=args.operations.recovery_bucket,
            export_role_arn=args.operations.export_role_arn,
            outputs_path=outputs_path(settings.project, settings.stack),
        )
        self.register_outputs({"part": self.part})

    def _role(self) -> aws.iam.Role:
        return service_role(self, "service", "backup.amazonaws.com", [], managed=MANAGED)

    def _vault(
        self, key: str, kms_key: Output[str] | None, region: str | None, shortest_days: int
    ) -> aws.backup.Vault:
        """A vault, encrypted (Backup.1), locked where the settings say; same name everywhere."""
        backups = self.settings.backups
        vault = aws.backup.Vault(
            key,
            name=self.physical(self.name),
            kms_key_arn=kms_key,
            force_destroy=not self.settings.protect,
            region=region,
            opts=self.guarded(),
        )
        if backups.lock != "none":
            final = backups.lock_grace_days if backups.lock == "compliance" else None
            aws.backup.VaultLockConfiguration(
                key,
                backup_vault_name=vault.name,
                min_retention_days=shortest_days,
                changeable_for_days=final,
                region=region,
                opts=self.child,
            )
        return vault

    def _plan(
        self, vault: aws.backup.Vault, copy_to: Output[str] | None, role: Output[str]
    ) -> Output[str]:
        backups = self.settings.backups
        at = _cron_time(backups.time)
        schedules = (
            ("daily", f"cron({at} * * ? *)", backups.daily_days),
            ("weekly", f"cron({at} ? * SUN *)", backups.weekly_days),
            ("monthly", f"cron({at} 1 * ? *)", backups.monthly_days),
        )
        copies: list[aws.backup.PlanRuleCopyActionArgsDict] = []
        if copy_to is not None:
            copies.append(
                {
                    "destination_vault_arn": copy_to,
                    "lifecycle": {"delete_after": backups.copy_days},
                }
            )
        rules: list[aws.backup.PlanRuleArgsDict] = [
            {
                "rule_name": rule,
                "target_vault_name": vault.name,
                "schedule": schedule,
                "start_window": START_WINDOW,
                "completion_window": COMPLETION_WINDOW,
                "lifecycle": {"delete_after": days},
                "copy_actions": copies,
            }
            for rule, schedule, days in schedules
        ]
        plan = aws.backup.Plan(
            self.name, name=self.physical(self.name), rules=rules, opts=self.child
        )
        aws.backup.Selection(
            self.name,
            name=self.physical(self.name),
            plan_id=plan.id,
            iam_role_arn=role,
            resources=[self._args.database.arn],
            opts=self.child,
        )
        return plan.id

    def _restore_test(self, vault: aws.backup.Vault, role: Output[str]) -> Output[str]:
        """Each Monday the newest backup becomes a database, which AWS deletes again.

        It stands in the database's subnets, in the VPC's default security group, which lets
        nobody in: AWS Backup would otherwise look for a default VPC.
        """
        backups = self.settings.backups
        plan = aws.backup.RestoreTestingPlan(
            self.key("restore-test"),
            # Letters, digits and underscores only, says the API.
            name=self.physical("restore-test").replace("-", "_"),
            schedule_expression=f"cron({_cron_time(backups.time)} ? * MON *)",
            start_window_hours=8,
            recovery_point_selection={
                "algorithm": "LATEST_WITHIN_WINDOW",
                "include_vaults": [vault.arn],
                "recovery_point_types": ["SNAPSHOT"],
                "selection_window_days": 7,
            },
            opts=self.child,
        )
        subnet_group = self._args.database.part.apply(lambda part: str(part["subnetGroup"]))
        aws.backup.RestoreTestingSelection(
            self.key("restore-test"),
            name="database",
            restore_testing_plan_name=plan.name,
            protected_resource_type="RDS",
            protected_resource_conditions={
                "string_equals": [
                    {"key": "aws:ResourceTag/Name", "value": self.settings.database_identifier}
                ]
            },
            iam_role_arn=role,
            validation_window_hours=backups.restore_test_hours,
            restore_metadata_overrides={"dbSubnetGroupName": subnet_group},
            opts=self.child,
        )
        return plan.name

    def _tell_of_failures(self, role: Output[str]) -> None:
        """Failed jobs of this stack's role to the warn topic.

        By EventBridge: a vault's own notifications no longer know failed backup jobs, nor
        restore tests.
        """
        pattern = role.apply(
            lambda arn: json_text(
                {
                    "source": ["aws.backup"],
                    "detail-type": [f"{job} Job State Change" for job in JOBS],
                    "detail": {
                        "iamRoleArn": [arn],
                        "$or": [{"state": list(FAILED)}, {"status": list(FAILED)}],
                    },
                }
            )
        )
        rule = aws.cloudwatch.EventRule(
            self.key("failed"),
            name=self.physical(self.name, "failed"),
            description="Jobs of AWS Backup that did not complete",
            event_pattern=pattern,
            opts=self.child,
        )
        aws.cloudwatch.EventTarget(
            self.key("failed"),
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
            opts=self.child,
        )


def _cron_time(time: str) -> str:
    """Minute and hour of an AWS cron expression from hh:mm."""
    hour, minute = time.split(":")
    return f"{int(minute)} {int(hour)}"
