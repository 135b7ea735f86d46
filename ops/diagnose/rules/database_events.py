"""Rules for what was done to the database: failover, restart, maintenance, parameters, password.

Sources: RDS User Guide, "Amazon RDS event categories and event messages", "Viewing Amazon RDS DB
instance status", "Using SSL/TLS to encrypt a connection to a DB instance"; PostgreSQL, appendix A.
"""

from typing import Final

from ops.diagnose.rule import DIRECT, LIKELY, STRONG, WEAK, CauseRule, Evidence
from ops.diagnose.rules.symptoms import CONTAINER_CAUSES, DATABASE_SYMPTOMS, NOTICED

_PART: Final = "database"
_CONSEQUENCES: Final = (*CONTAINER_CAUSES, "connection-storm", "replica-lag")
# What clients see of a server that went away for a moment.
_INTERRUPTED: Final = (
    Evidence("log.shape.database-starting", LIKELY, "stack"),
    Evidence("log.shape.connection-reset", WEAK, "stack"),
    Evidence("metric.database.connections.low", WEAK),
)
_REBOOTS: Final = ("change.run", "change.pulumi", "change.write.rds.*")
_SECRET_CHANGES: Final = (
    "change.secret",
    "change.run",
    "change.write.rds.modify-db-instance",
    "change.write.secretsmanager.*",
)

DATABASE_EVENT_RULES: Final = (
    CauseRule(
        cause="database-failover",
        part=_PART,
        needs=("rds.event.failover",),
        needs_also=(NOTICED,),
        evidence=(Evidence("rds.event.failover", DIRECT), *_INTERRUPTED),
        against=(Evidence("rds.event.maintenance", 0.3),),
        triggers=_REBOOTS,
        explains=("database-restarted", *_CONSEQUENCES),
        symptoms=DATABASE_SYMPTOMS,
        refutation="the primary was in the same zone before and after",
        command="ops db events",
        source="RDS-EVENT-0013, -0015, -0049, -0050, -0051",
    ),
    CauseRule(
        cause="database-restarted",
        part=_PART,
        needs=(
            "rds.event.restarted",
            "rds.event.recovery",
            "rds.event.stopped",
            "rds.status.rebooting",
            "rds.status.stop*",
            "rds.status.starting",
            "log.shape.database-starting",
        ),
        needs_also=(NOTICED,),
        evidence=(
            Evidence("rds.event.restarted", DIRECT),
            Evidence("rds.event.recovery", DIRECT),
            Evidence("rds.event.stopped", DIRECT),
            Evidence("rds.status.rebooting", DIRECT),
            Evidence("rds.status.stop*", DIRECT),
            Evidence("rds.status.starting", STRONG),
            Evidence("alarm.raised.database-silent*", WEAK),
            *_INTERRUPTED,
        ),
        triggers=_REBOOTS,
        explains=_CONSEQUENCES,
        symptoms=DATABASE_SYMPTOMS,
        refutation="the server has been up since before the first error",
        command="ops db events",
        source="RDS-EVENT-0004, -0006, -0020, -0087",
    ),
    CauseRule(
        cause="database-maintenance",
        part=_PART,
        needs=(
            "rds.event.maintenance",
            "rds.maintenance.under-way",
            "rds.status.maintenance",
            "rds.status.upgrading",
        ),
        needs_also=(NOTICED,),
        evidence=(
            Evidence("rds.event.maintenance", DIRECT),
            Evidence("rds.maintenance.under-way", DIRECT),
            Evidence("rds.status.maintenance", DIRECT),
            Evidence("rds.status.upgrading", DIRECT),
            *_INTERRUPTED,
        ),
        triggers=_REBOOTS,
        explains=("database-failover", "database-restarted", *_CONSEQUENCES),
        symptoms=DATABASE_SYMPTOMS,
        refutation="the errors began before the maintenance did",
        command="ops db events",
        source="RDS-EVENT-0026, -0027, -0047, -0266 to -0270",
    ),
    CauseRule(
        cause="parameters-pending",
        part=_PART,
        needs=(
            "rds.parameters.*",
            "rds.status.incompatible-parameters",
            "rds.event.parameters-invalid",
            "sql.pending-restart",
        ),
        evidence=(
            Evidence("rds.status.incompatible-parameters", DIRECT),
            Evidence("rds.event.parameters-invalid", DIRECT),
            Evidence("rds.parameters.*", STRONG),
            Evidence("sql.pending-restart", STRONG),
            Evidence("rds.event.parameters-changed", WEAK),
        ),
        triggers=("change.run", "change.pulumi", "change.write.rds.*parameter*"),
        explains=("database-restarted",),
        symptoms=("health.failing.database",),
        refutation="every parameter has the value of the group",
        command="ops db reboot",
        source="RDS User Guide, Working with DB parameter groups: pending-reboot",
    ),
    CauseRule(
        cause="password-wrong",
        part=_PART,
        needs=("sql.refused.password",),
        evidence=(
            Evidence("sql.refused.password", DIRECT),
            Evidence("log.shape.password", STRONG, "stack"),
            Evidence("rds.event.password-reset", STRONG),
            Evidence("change.secret", WEAK),
            Evidence("alarm.raised.database-rotation-failing", LIKELY),
        ),
        triggers=_SECRET_CHANGES,
        explains=_CONSEQUENCES,
        symptoms=(*DATABASE_SYMPTOMS, "ecs.*"),
        refutation="the secret's password opens a session",
        command="ops db rotate-password",
        source="PostgreSQL, error 28P01 invalid_password",
    ),
    CauseRule(
        cause="password-wrong",
        part=_PART,
        needs=("log.shape.password",),
        needs_also=((*NOTICED, "log.errors.new", "ecs.stopped.*", "ecs.tasks.*"),),
        evidence=(
            Evidence("log.shape.password", STRONG, "stack", minimum=3),
            Evidence("log.shape.password", WEAK, "stack"),
            Evidence("rds.event.password-reset", STRONG),
            Evidence("change.secret", WEAK),
            Evidence("alarm.raised.database-rotation-failing", LIKELY),
            Evidence("metric.function.errors.high", WEAK),
            Evidence("metric.database.connections.low", WEAK),
        ),
        triggers=_SECRET_CHANGES,
        explains=_CONSEQUENCES,
        symptoms=(*DATABASE_SYMPTOMS, "ecs.*"),
        refutation="those that are refused are no services of the stack",
        command="ops service restart",
        source="PostgreSQL, error 28P01; tasks read a secret when they start (ECS Developer Guide)",
    ),
    CauseRule(
        cause="server-certificate",
        part=_PART,
        needs=(
            "log.shape.database-certificate",
            "log.shape.certificate",
            "sql.refused.certificate",
            "rds.certificate.expired",
        ),
        evidence=(
            Evidence("rds.certificate.expired", DIRECT),
            Evidence("sql.refused.certificate", STRONG),
            Evidence("log.shape.database-certificate", DIRECT, "stack"),
            Evidence("log.shape.certificate", LIKELY, "stack"),
            Evidence("rds.event.certificate-changed", STRONG),
            Evidence("metric.database.connections.low", LIKELY),
        ),
        against=(Evidence("elb.certificate.expired", 0.4, "stack"),),
        triggers=("change.run", "change.deployment", "change.write.rds.*"),
        trigger_scope="stack",
        explains=_CONSEQUENCES,
        symptoms=(*DATABASE_SYMPTOMS, "ecs.*"),
        refutation="a client with RDS's bundle of authorities opens a session",
        command="ops db status",
        source="RDS User Guide, Rotating your SSL/TLS certificate",
    ),
)
