"""PostgreSQL behind the sandbox's RDS: every DB instance a real server, where it is asked for.

with in_memory_aws("eu-north-1"), databases.real():
    ...                             # instances made here answer at their endpoints

A server is started when somebody first connects. A snapshot is a base backup, a restore to a point
in time replays WAL, a replica streams, a reboot or a failover drops connections. An endpoint
belongs to the instance's name. Without `real()` nothing of this happens.
"""

from sandbox.postgres.servers import connect_superuser, find_postgres_servers, use_real_postgres

__all__ = ["connect_superuser", "find_postgres_servers", "use_real_postgres"]
