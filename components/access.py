"""Who may operate the stack: three roles, whose policies are computed from what commands call."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import build_contract_part
from components.keys import Keys
from components.load_balancer import LoadBalancer
from components.operations import Operations
from components.policies import Statement, build_policy_document
from components.settings import Settings
from ops.core.declaration import ROLE_PURPOSES, ROLES, Role
from ops.outputs import AccessPart
from ops.permissions.names import StackNames
from ops.permissions.policies import POLICY_SERVICES, build_role_policies, serialize_policy

SAML_SIGN_IN_URL = "https://signin.aws.amazon.com/saml"


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    settings: Settings
    account: Account
    keys: Keys
    operations: Operations
    load_balancer: LoadBalancer | None


class Access(Component):
    """`bulwark:index:Access`: the roles reader, operator and recoverer.

    Children: `{name}-{role}`, the role, and for each part of its policies `{name}-{role}-{part}`,
    a managed policy and its attachment. What they may is what `ops permissions --role` prints.
    """

    def __init__(self, name: str, *, args: AccessArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Access", name, settings=args.settings, opts=opts)
        self._args = args
        self.roles = {role: self._create_role(role) for role in ROLES}
        self.part = build_contract_part(
            AccessPart,
            **{f"{role}_role_arn": iam_role.arn for role, iam_role in self.roles.items()},
        )
        self.register_outputs({"part": self.part})

    def _create_role(self, role: Role) -> aws.iam.Role:
        access_settings = self.settings.access
        iam_role = aws.iam.Role(
            self.format_logical_name(role),
            name=self.format_physical_name(role),
            description=f"ops on {self.settings.prefix} {ROLE_PURPOSES[role]}",
            assume_role_policy=build_policy_document(*self._build_trust_statements(role)),
            max_session_duration=access_settings.session_hours * 3600,
            permissions_boundary=access_settings.permissions_boundary,
            opts=self.child_options,
        )
        for part in POLICY_SERVICES:
            policy = aws.iam.Policy(
                self.format_logical_name(role, part),
                name=self.format_physical_name(role, part),
                description=f"What a {role} may on {self.settings.prefix}: {part}",
                policy=self._build_policy(role, part),
                opts=self.child_options,
            )
            aws.iam.RolePolicyAttachment(
                self.format_logical_name(role, part),
                role=iam_role.name,
                policy_arn=policy.arn,
                opts=self.child_options,
            )
        return iam_role

    def _build_policy(self, role: Role, part: str) -> Output[str]:
        args, settings = self._args, self.settings
        load_balancer = args.load_balancer
        name_values: Output[dict[str, str | None]] = Output.all(
            partition=args.account.partition,
            account=args.account.id,
            bucket=args.operations.bucket,
            data_key=args.keys.data,
            logs_key=args.keys.logs,
            recovery_key=args.keys.recovery,
            zone=load_balancer.zone_id if load_balancer else None,
        )

        def render_policy(values: dict[str, str | None]) -> str:
            names = StackNames(
                project=settings.project,
                stack=settings.stack,
                region=settings.region,
                recovery_region=settings.recovery_region,
                **values,  # type: ignore[arg-type]
            )
            return serialize_policy(build_role_policies(names, role)[part])

        return name_values.apply(render_policy)

    def _build_trust_statements(self, role: Role) -> Sequence[Statement]:
        """Who may assume a role. Roles and SAML providers carry no MFA of their own."""
        principals: Sequence[str] = getattr(self.settings.access, f"{role}s")
        account_root = Output.format(
            "arn:{0}:iam::{1}:root", self._args.account.partition, self._args.account.id
        )
        users: list[Input[str]] = [
            principal
            for principal in principals
            if ":role/" not in principal and ":saml-" not in principal
        ]
        roles = [principal for principal in principals if ":role/" in principal]
        providers = [principal for principal in principals if ":saml-provider/" in principal]
        user_principals = users if principals else [account_root]
        mfa_conditions: dict[str, dict[str, Input[str] | Sequence[Input[str]]]] = (
            {"Bool": {"aws:MultiFactorAuthPresent": "true"}} if self.settings.access.mfa else {}
        )
        statements = []
        if user_principals:
            statements.append(
                Statement(
                    actions=["sts:AssumeRole"],
                    principals={"AWS": user_principals},
                    conditions=mfa_conditions,
                )
            )
        if roles:
            statements.append(Statement(actions=["sts:AssumeRole"], principals={"AWS": roles}))
        if providers:
            statements.append(
                Statement(
                    actions=["sts:AssumeRoleWithSAML"],
                    principals={"Federated": providers},
                    conditions={"StringEquals": {"SAML:aud": SAML_SIGN_IN_URL}},
                )
            )
        return statements
