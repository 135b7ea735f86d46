"""The DB instances: status, snapshots, resize, upgrade, failover, parameters, SQL."""
