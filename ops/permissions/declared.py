"""The declarations of all commands, collected from the packages of their groups."""

from collections.abc import Mapping
from typing import Final

from ops.alarms import declarations as alarms
from ops.audit import declarations as audit
from ops.baseline import declarations as baseline
from ops.bootstrap import declarations as bootstrap
from ops.cache import declarations as cache
from ops.certificate import declarations as certificate
from ops.changes import declarations as changes
from ops.checks import declarations as checks
from ops.core.declaration import Declaration, Role
from ops.cost import declarations as cost
from ops.database import declarations as database
from ops.deploy import declarations as deploy
from ops.diagnose import declarations as diagnose
from ops.fleet import declarations as fleet
from ops.github import declarations as github
from ops.health import declarations as health
from ops.image import declarations as image
from ops.incident import declarations as incident
from ops.keys import declarations as keys
from ops.lock import declarations as lock
from ops.logs import declarations as logs
from ops.maintenance import declarations as maintenance
from ops.metrics import declarations as metrics
from ops.network import declarations as network
from ops.patch import declarations as patch
from ops.permissions import declarations as permissions
from ops.permissions.call_sets import OUTPUTS_CALLS as OUTPUTS_CALLS
from ops.preview import declarations as preview
from ops.quotas import declarations as quotas
from ops.recovery import declarations as recovery
from ops.rotation import declarations as rotation
from ops.runs import declarations as runs
from ops.sandbox import declarations as sandbox
from ops.services import declarations as services
from ops.slo import declarations as slo
from ops.stack import declarations as stack
from ops.state import declarations as state
from ops.usage import declarations as usage

DECLARATIONS: Final[Mapping[str, Declaration]] = {
    declaration.command: declaration
    for module in (
        alarms,
        audit,
        baseline,
        bootstrap,
        cache,
        certificate,
        changes,
        checks,
        cost,
        database,
        deploy,
        diagnose,
        fleet,
        github,
        health,
        image,
        incident,
        keys,
        lock,
        logs,
        network,
        maintenance,
        metrics,
        patch,
        permissions,
        preview,
        quotas,
        recovery,
        rotation,
        runs,
        sandbox,
        services,
        slo,
        stack,
        state,
        usage,
    )
    for declaration in module.DECLARATIONS
}


def list_commands_with_role() -> dict[str, Role]:
    """Returns the commands that act on a stack, with the least privileged role for each."""
    return {
        command: declaration.role
        for command, declaration in DECLARATIONS.items()
        if declaration.role is not None
    }


def list_plan_kinds() -> list[str]:
    """Returns the commands that carry out a plan of their own, sorted: the kinds of plans."""
    return sorted(
        {
            command.partition(" --")[0]
            for command, declaration in DECLARATIONS.items()
            if declaration.has_plan
        }
    )


COMMAND_ROLES: Final[Mapping[str, Role]] = list_commands_with_role()
