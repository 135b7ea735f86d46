"""Who may operate the stack: three roles, whose policies are computed from what commands call."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from components.account import Account
from components.component import Component
from components.contract import contract
from components.keys import Keys
from components.load_balancer import LoadBalancer
from components.operations import Operations
from components.policies import Statement, document
from components.settings import Settings
from ops.core.declaration import ROLE_PURPOSES, ROLES, Role
from ops.outputs import AccessPart
from ops.permissions.names import Names
from ops.permissions.policies import PARTS, compact, role_policies

SIGN_IN = "https://signin.aws.amazon.com/saml"


@dataclass(frozen=True)
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

    def __init__(self, name: str, args: AccessArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Access", name, args.settings, opts)
        self._args = args
        self.roles = {role: self._role(role) for role in ROLES}
        self.part = contract(
            AccessPart, **{f"{role}_role_arn": made.arn for role, made in self.roles.items()}
        )
        self.register_outputs({"part": self.part})

    def _role(self, role: Role) -> aws.iam.Role:
        settings = self.settings.access
        made = aws.iam.Role(
            self.key(role),
            name=self.physical(role),
            description=f"ops on {self.settings.prefix} {ROLE_PURPOSES[role]}",
            assume_role_policy=document(*self._trust(role)),
            max_session_duration=settings.session_hours * 3600,
            permissions_boundary=settings.permissions_boundary,
            opts=self.child,
        )
        for part in PARTS:
            policy = aws.iam.Policy(
                self.key(role, part),
                name=self.physical(role, part),
                description=f"What a {role} may on {self.settings.prefix}: {part}",
                policy=self._policy(role, part),
                opts=self.child,
            )
            aws.iam.RolePolicyAttachment(
                self.key(role, part), role=made.name, policy_arn=policy.arn, opts=self.child
            )
        return made

    def _policy(self, role: Role, part: str) -> Output[str]:
        args, settings = self._args, self.settings
        balancer = args.load_balancer
        known: Output[dict[str, str | None]] = Output.all(
            partition=args.account.partition,
            account=args.account.id,
            bucket=args.operations.bucket,
            data_key=args.keys.data,
            logs_key=args.keys.logs,
            recovery_key=args.keys.recovery,
            certificate=balancer.certificate_arn if balancer else None,
        )

        def filled(found: dict[str, str | None]) -> str:
            names = Names(
                project=settings.project,
                stack=settings.stack,
                region=settings.region,
                recovery_region=settings.recovery_region,
                **found,  # type: ignore[arg-type]
            )
            return compact(role_policies(names, role)[part])

        return known.apply(filled)

    def _trust(self, role: Role) -> Sequence[Statement]:
        """Who may assume a role. Roles and SAML providers carry no MFA of their own."""
        wanted: Sequence[str] = getattr(self.settings.access, f"{role}s")
        here = Output.format(
            "arn:{0}:iam::{1}:root", self._args.account.partition, self._args.account.id
        )
        given: list[Input[str]] = [p for p in wanted if ":role/" not in p and ":saml-" not in p]
        roles = [p for p in wanted if ":role/" in p]
        providers = [p for p in wanted if ":saml-provider/" in p]
        people = given if wanted else [here]
        mfa: dict[str, dict[str, Input[str] | Sequence[Input[str]]]] = (
            {"Bool": {"aws:MultiFactorAuthPresent": "true"}} if self.settings.access.mfa else {}
        )
        statements = []
        if people:
            statements.append(
                Statement(actions=["sts:AssumeRole"], principals={"AWS": people}, conditions=mfa)
            )
        if roles:
            statements.append(Statement(actions=["sts:AssumeRole"], principals={"AWS": roles}))
        if providers:
            statements.append(
                Statement(
                    actions=["sts:AssumeRoleWithSAML"],
                    principals={"Federated": providers},
                    conditions={"StringEquals": {"SAML:aud": SIGN_IN}},
                )
            )
        return statements
