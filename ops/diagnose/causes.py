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
    """A cause: what kind it is, what it says without its part, and what mends it for good.

    A remedy names the settings and the commands that mend it. "The command below" is the one that
    its rule proposes. NAME stands for a service.
    """

    kind: CauseKind
    title: str
    remedy: str


CAUSES: Final[Mapping[str, Cause]] = {
    "image-crashes": Cause(
        "release",
        "the new image's container exits by itself",
        "roll back now; then deploy an image that starts: its last lines are in `ops "
        "service tasks --service NAME --stopped`",
    ),
    "image-never-healthy": Cause(
        "release",
        "the new image never passes the health check",
        "roll back now; then correct what services.NAME.healthPath asks for, or give it "
        "more time by services.NAME.graceSeconds",
    ),
    "image-slow": Cause(
        "release",
        "the new image answers slowly",
        "roll back now; then find what got slow with `ops logs query slow-requests`",
    ),
    "image-errors": Cause(
        "release",
        "the new image answers with errors",
        "roll back now; then read what fails with `ops logs errors`",
    ),
    "image-missing": Cause(
        "release",
        "the image cannot be pulled",
        "roll back now, or push the image that services.NAME.image names, and deploy again",
    ),
    "variable-wrong": Cause(
        "release",
        "an environment variable of the new revision is wrong",
        "roll back now; then correct services.NAME.environment",
    ),
    "secret-unreadable": Cause(
        "release",
        "a secret that the task needs cannot be read",
        "correct services.NAME.secrets, or the secret's keys, then deploy again; until then"
        " the old tasks go on",
    ),
    "health-check-path": Cause(
        "release",
        "the health check asks for a path that is not there",
        "`pulumi up --refresh` sets the path of services.NAME.healthPath again; if the "
        "setting is wrong, correct it",
    ),
    "deployment-rolled-back": Cause(
        "release",
        "the circuit breaker turned a deployment back",
        "nothing is to be undone: correct the image by what its stopped tasks said, and "
        "deploy again",
    ),
    "task-out-of-memory": Cause(
        "compute",
        "tasks are killed because they are out of memory",
        "raise services.NAME.memory, or roll back if it began with a deployment",
    ),
    "service-at-maximum": Cause(
        "compute",
        "the service is at its maximum of tasks",
        "raise the maximum now with the command below; then services.NAME.max, or `pulumi "
        "up` takes it back",
    ),
    "fleet-at-maximum": Cause(
        "compute",
        "the fleet is at its maximum of instances",
        "raise the maximum now with `ops fleet limits --max COUNT`; then fleet.max, or "
        "`pulumi up` takes it back",
    ),
    "capacity-missing": Cause(
        "compute",
        "AWS has no capacity for what should start",
        "name more types in fleet.instanceTypes, or lower cluster.spotShare; AWS's "
        "capacity may also come back by itself",
    ),
    "quota-reached": Cause(
        "compute",
        "a quota of the account stops what should start",
        "ask AWS for a higher quota in Service Quotas; until then, scale something else down",
    ),
    "subnet-full": Cause(
        "compute",
        "a subnet has no free address",
        "free addresses: scale something down in that subnet; a larger network.cidr needs a"
        " new VPC",
    ),
    "launch-refused": Cause(
        "compute",
        "a role or a template refuses what should start",
        "correct what the launch names: the AMI of fleet.ami, the template, or the role; "
        "`pulumi up --refresh` creates what is gone",
    ),
    "instance-unhealthy": Cause(
        "compute",
        "an instance fails its status checks",
        "Auto Scaling replaces it by itself; if it does not, `ops fleet refresh start`",
    ),
    "more-traffic": Cause(
        "traffic",
        "more requests came than the stack can answer",
        "raise the maximum with `ops service autoscaling --service NAME --max COUNT`; if it"
        " is not users, loadBalancer.waf.rateLimit",
    ),
    "database-cpu": Cause(
        "database",
        "queries keep the database's CPU busy",
        "create the index that the slowest statement needs; a session that can wait is "
        "ended by `ops db kill PID`; else `ops db resize CLASS`",
    ),
    "database-load": Cause(
        "database",
        "more sessions work than the database has vCPUs",
        "end what can wait with `ops db kill PID`, or take a larger class: `ops db resize CLASS`",
    ),
    "database-locked": Cause(
        "database",
        "a session holds a lock that others wait for",
        "end the session that holds the lock with the command below, if its work may be lost",
    ),
    "connection-storm": Cause(
        "database",
        "clients take all connections of the database",
        "close idle sessions with the command below; then limit the pool of the clients, or"
        " `ops db resize CLASS`",
    ),
    "idle-in-transaction": Cause(
        "database",
        "a session keeps a transaction open and does nothing",
        "end the session with the command below; then set "
        "idle_in_transaction_session_timeout in database.parameters",
    ),
    "storage-filling": Cause(
        "database",
        "the database's storage is filling",
        "give it more storage with the command below, and raise database.maxStorageGb; find"
        " what grows with `ops db size`",
    ),
    "storage-full": Cause(
        "database",
        "the database's storage is full",
        "give it more storage with the command below; it takes minutes, and writes come "
        "back with it",
    ),
    "iops-exhausted": Cause(
        "database",
        "the volume is at its limit of IOPS or throughput",
        "raise database.iops, or give it more storage with the command below, or make the "
        "statement read less: `ops db slow`",
    ),
    "burst-credits-gone": Cause(
        "database",
        "burst credits of CPU or storage are used up",
        "take a class or a volume that does not burst: `ops db resize CLASS`, database.iops",
    ),
    "vacuum-behind": Cause(
        "database",
        "vacuum does not keep up with dead rows or transaction ids",
        "end what holds vacuum back (`ops db activity`), then vacuum with the command below",
    ),
    "replica-lag": Cause(
        "database",
        "a replica is behind",
        "wait until the load is over or end the report on the replica; if it stays, a "
        "larger database.replicaClass",
    ),
    "database-failover": Cause(
        "database",
        "the database failed over to its standby",
        "nothing is to be mended in the database: clients must connect again; restart those"
        " that did not with `ops service restart`",
    ),
    "database-restarted": Cause(
        "database",
        "the database was restarted",
        "nothing is to be mended in the database: clients must connect again; restart those"
        " that did not with `ops service restart`",
    ),
    "database-maintenance": Cause(
        "database",
        "AWS carried out maintenance of the database",
        "it is over with the maintenance; database.maintenanceWindow says when it may come",
    ),
    "parameters-pending": Cause(
        "database",
        "parameters wait for a restart of the database",
        "restart the database with the command below: with a standby, about a minute "
        "without connections",
    ),
    "password-wrong": Cause(
        "database",
        "the services' password is not the database's",
        "the secret and the database agree again after the command below; services then "
        "read the secret",
    ),
    "server-certificate": Cause(
        "database",
        "clients do not trust the database's certificate",
        "give the clients RDS's current bundle of authorities, or set database.ca to one "
        "that they trust",
    ),
    "security-group": Cause(
        "network",
        "a security group stops what must pass",
        "`pulumi up --refresh` sets the rules again as the stack has them",
    ),
    "network-acl": Cause(
        "network",
        "a network ACL stops what must pass",
        "`pulumi up --refresh` sets the rules again; a rule that somebody added by hand "
        "must be removed by hand",
    ),
    "route-missing": Cause(
        "network",
        "a route is missing or leads nowhere",
        "`pulumi up --refresh` sets the routes again as the stack has them",
    ),
    "endpoint-missing": Cause(
        "network",
        "a VPC endpoint is missing or refuses",
        "`pulumi up --refresh` creates the endpoint again",
    ),
    "nat-down": Cause(
        "network",
        "a NAT gateway is gone or does not work",
        "`pulumi up --refresh` creates the NAT again; network.nat can be one for each zone",
    ),
    "nat-ports-exhausted": Cause(
        "network",
        "a NAT gateway has no port left for a destination",
        "let the clients keep their connections, or reach AWS by network.interfaceEndpoints"
        " instead of the NAT",
    ),
    "dns-broken": Cause(
        "network",
        "names are not resolved",
        "`pulumi up --refresh` sets the VPC's DNS settings again",
    ),
    "certificate-expired": Cause(
        "load-balancer",
        "the load balancer's certificate has expired",
        "publish the record that validates the certificate, or set "
        "loadBalancer.certificateArn to a valid one",
    ),
    "listener-changed": Cause(
        "load-balancer",
        "a listener or its rules were changed",
        "`pulumi up --refresh` sets listeners and rules again as the stack has them",
    ),
    "waf-blocks-users": Cause(
        "load-balancer",
        "WAF blocks requests of users",
        "count the rule instead of blocking: name its group in "
        "loadBalancer.waf.countedRules, then `ops deploy`",
    ),
    "target-group-empty": Cause(
        "load-balancer",
        "a target group has no target",
        "scale the service up with `ops service scale COUNT --service NAME`",
    ),
    "cache-evicting": Cause(
        "cache",
        "the cache is full and evicts keys",
        "take larger nodes by cache.nodeType, or let keys end sooner; `ops cache status` "
        "says what fills it",
    ),
    "cache-failover": Cause(
        "cache",
        "the cache failed over to another node",
        "nothing is to be mended: clients must connect again; sessions that were only in "
        "the cache may be lost",
    ),
    "cache-token-wrong": Cause(
        "cache",
        "the services' AUTH token is not the cache's",
        "restart the services with the command below, so that they read the secret's token",
    ),
    "key-disabled": Cause(
        "keys",
        "a KMS key is disabled or waits for its deletion",
        "enable the key, or cancel its deletion first: aws kms cancel-key-deletion",
    ),
    "role-changed": Cause(
        "keys",
        "a role lost a permission that the stack needs",
        "`pulumi up --refresh` gives the role its policies again",
    ),
    "zone-lost": Cause(
        "aws",
        "an Availability Zone does not work",
        "the other zones carry on: give them room with `ops service autoscaling` and `ops "
        "fleet limits`; if the region is lost, `ops recover region`",
    ),
    "aws-event": Cause(
        "aws",
        "AWS reports an event of a service in this region",
        "wait for AWS; the event's text says what it means for others",
    ),
}
