"""The causes that `ops diagnose` can name: the last thing that a person can mend, not its symptoms.

Pure data. The rules name them, and so do the incidents of the sandbox that measure the rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

CauseKind = Literal[
    "release", "compute", "traffic", "database", "network", "load-balancer", "cache", "keys", "aws"
]


@dataclass(frozen=True)
class Cause:
    """A cause: what kind it is, and what it says, as a sentence without its part."""

    kind: CauseKind
    title: str


CAUSES: Final[Mapping[str, Cause]] = {
    "image-crashes": Cause("release", "the new image's container exits by itself"),
    "image-never-healthy": Cause("release", "the new image never passes the health check"),
    "image-slow": Cause("release", "the new image answers slowly"),
    "image-errors": Cause("release", "the new image answers with errors"),
    "image-missing": Cause("release", "the image cannot be pulled"),
    "variable-wrong": Cause("release", "an environment variable of the new revision is wrong"),
    "secret-unreadable": Cause("release", "a secret that the task needs cannot be read"),
    "health-check-path": Cause("release", "the health check asks for a path that is not there"),
    "deployment-rolled-back": Cause("release", "the circuit breaker turned a deployment back"),
    "task-out-of-memory": Cause("compute", "tasks are killed because they are out of memory"),
    "service-at-maximum": Cause("compute", "the service is at its maximum of tasks"),
    "fleet-at-maximum": Cause("compute", "the fleet is at its maximum of instances"),
    "capacity-missing": Cause("compute", "AWS has no capacity for what should start"),
    "quota-reached": Cause("compute", "a quota of the account stops what should start"),
    "subnet-full": Cause("compute", "a subnet has no free address"),
    "launch-refused": Cause("compute", "a role or a template refuses what should start"),
    "instance-unhealthy": Cause("compute", "an instance fails its status checks"),
    "more-traffic": Cause("traffic", "more requests came than the stack can answer"),
    "database-cpu": Cause("database", "queries keep the database's CPU busy"),
    "database-load": Cause("database", "more sessions work than the database has vCPUs"),
    "database-locked": Cause("database", "a session holds a lock that others wait for"),
    "connection-storm": Cause("database", "clients take all connections of the database"),
    "idle-in-transaction": Cause("database", "a session keeps a transaction open and does nothing"),
    "storage-filling": Cause("database", "the database's storage is filling"),
    "storage-full": Cause("database", "the database's storage is full"),
    "iops-exhausted": Cause("database", "the volume is at its limit of IOPS or throughput"),
    "burst-credits-gone": Cause("database", "burst credits of CPU or storage are used up"),
    "vacuum-behind": Cause("database", "vacuum does not keep up with dead rows or transaction ids"),
    "replica-lag": Cause("database", "a replica is behind"),
    "database-failover": Cause("database", "the database failed over to its standby"),
    "database-restarted": Cause("database", "the database was restarted"),
    "database-maintenance": Cause("database", "AWS carried out maintenance of the database"),
    "parameters-pending": Cause("database", "parameters wait for a restart of the database"),
    "password-wrong": Cause("database", "the services' password is not the database's"),
    "server-certificate": Cause("database", "clients do not trust the database's certificate"),
    "security-group": Cause("network", "a security group stops what must pass"),
    "network-acl": Cause("network", "a network ACL stops what must pass"),
    "route-missing": Cause("network", "a route is missing or leads nowhere"),
    "endpoint-missing": Cause("network", "a VPC endpoint is missing or refuses"),
    "nat-down": Cause("network", "a NAT gateway is gone or does not work"),
    "nat-ports-exhausted": Cause("network", "a NAT gateway has no port left for a destination"),
    "dns-broken": Cause("network", "names are not resolved"),
    "certificate-expired": Cause("load-balancer", "the load balancer's certificate has expired"),
    "listener-changed": Cause("load-balancer", "a listener or its rules were changed"),
    "waf-blocks-users": Cause("load-balancer", "WAF blocks requests of users"),
    "target-group-empty": Cause("load-balancer", "a target group has no target"),
    "cache-evicting": Cause("cache", "the cache is full and evicts keys"),
    "cache-failover": Cause("cache", "the cache failed over to another node"),
    "cache-token-wrong": Cause("cache", "the services' AUTH token is not the cache's"),
    "key-disabled": Cause("keys", "a KMS key is disabled or waits for its deletion"),
    "role-changed": Cause("keys", "a role lost a permission that the stack needs"),
    "zone-lost": Cause("aws", "an Availability Zone does not work"),
    "aws-event": Cause("aws", "AWS reports an event of a service in this region"),
}
