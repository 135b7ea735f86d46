"""PostgreSQL parameters of the database, as data: what the stack sets, what the settings add."""

from dataclasses import dataclass
from typing import Final, Literal

from components.settings.database import DatabaseSettings

ApplyMethod = Literal["immediate", "pending-reboot"]

# Parameters that need a restart (context "postmaster" in pg_settings of PostgreSQL 14 to 18, and
# RDS's own): RDS refuses to apply them immediately.
STATIC_PARAMETERS: Final = frozenset(
    """
    autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age
    autovacuum_worker_slots commit_timestamp_buffers data_sync_retry dynamic_shared_memory_type
    hot_standby huge_page_size huge_pages io_max_combine_limit io_max_concurrency io_method
    jit_provider max_active_replication_origins max_connections max_files_per_process
    max_locks_per_transaction max_logical_replication_workers max_notify_queue_pages
    max_pred_locks_per_transaction max_prepared_transactions max_replication_slots max_wal_senders
    max_worker_processes min_dynamic_shared_memory multixact_member_buffers
    multixact_offset_buffers notify_buffers old_snapshot_threshold pg_stat_statements.max
    rds.custom_dns_resolution rds.logical_replication rds.restrict_password_commands
    reserved_connections serializable_buffers shared_buffers shared_memory_type
    shared_preload_libraries subtransaction_buffers
    superuser_reserved_connections track_activity_query_size track_commit_timestamp
    transaction_buffers wal_buffers wal_decode_buffer_size
    """.split()
)
STATIC_PARAMETER_PREFIXES: Final = ("cron.", "rds.global_")
IDLE_IN_TRANSACTION_MS: Final = 10 * 60 * 1000
# Spilled to disk by one query, KiB, from which it is logged.
TEMPORARY_FILE_KIB: Final = 10 * 1024


@dataclass(frozen=True)
class DatabaseParameter:
    """One parameter of a parameter group."""

    name: str
    value: str

    @property
    def apply_method(self) -> ApplyMethod:
        """When a change applies: immediately, or after the next reboot."""
        is_static = self.name in STATIC_PARAMETERS or self.name.startswith(
            STATIC_PARAMETER_PREFIXES
        )
        return "pending-reboot" if is_static else "immediate"


def build_database_parameters(settings: DatabaseSettings) -> tuple[DatabaseParameter, ...]:
    """The parameters that differ from RDS's defaults, by name; the settings win."""
    values = {
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        "log_autovacuum_min_duration": "10000",
        "log_disconnections": "1",
        "log_lock_waits": "1",
        "log_min_duration_statement": str(settings.slow_query_ms),
        "log_statement": "ddl",
        "log_temp_files": str(TEMPORARY_FILE_KIB),
        "rds.force_ssl": "1",  # RDS.38
        "shared_preload_libraries": "pg_stat_statements",
        "track_io_timing": "1",
    }
    if settings.major_version < 18:  # from 18 on no switch any more, but a list of what to log
        values["log_connections"] = "1"
    return tuple(
        DatabaseParameter(*item) for item in sorted((values | settings.parameters).items())
    )
