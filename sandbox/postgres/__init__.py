"""PostgreSQL behind the sandbox's RDS: every DB instance is a real server, if switched on.

with use_in_memory_aws("eu-north-1"), use_real_postgres():
    ...                             # instances created here answer at their endpoints

A server is started at the first connection. A snapshot is a base backup, a restore to a point
in time replays WAL, a replica streams, a reboot or a failover drops connections. An endpoint
belongs to the instance's name. Without `use_real_postgres()` nothing of this happens.
"""

from sandbox.postgres.servers import connect_superuser, find_postgres_servers, use_real_postgres

__all__ = ["connect_superuser", "find_postgres_servers", "use_real_postgres"]
