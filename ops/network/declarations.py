"""What the commands of `ops network` need: roles, calls to AWS, examples, wrong values."""

from typing import Final

from ops.core.declaration import Declaration
from ops.permissions.call_sets import CHANGE

VPC_READS: Final = (
    "ec2.describe_dhcp_options",
    "ec2.describe_managed_prefix_lists",
    "ec2.describe_nat_gateways",
    "ec2.describe_network_acls",
    "ec2.describe_route_tables",
    "ec2.describe_security_groups",
    "ec2.describe_subnets",
    "ec2.describe_vpc_attribute",
    "ec2.describe_vpc_endpoints",
    "ec2.describe_vpcs",
    "ec2.get_managed_prefix_list_entries",
)
TRIED_PLACE_READS: Final = (  # of what a connection is tried from and to
    "autoscaling.describe_auto_scaling_groups",
    "ec2.describe_instances",
    "ec2.describe_network_interfaces",
    "ecs.describe_services",
    "ecs.describe_tasks",
    "ecs.list_tasks",
    "elasticache.describe_cache_clusters",
    "elasticache.describe_cache_subnet_groups",
    "elbv2.describe_load_balancers",
    "rds.describe_db_instances",
)
PLACE_READS: Final = (*TRIED_PLACE_READS, "lambda.get_function_configuration")

FLOW_READS: Final = (
    "ec2.describe_network_interfaces",
    "logs.get_query_results",
    "logs.start_query",
    "logs.stop_query",
)
UNSEEN_FLOW_READS: Final = {
    "logs.stop_query": "only after Ctrl-C: the tests of `ops logs query` see it"
}

DECLARATIONS: Final = (
    Declaration(
        "network flows nat",
        role="reader",
        calls=(*VPC_READS, *FLOW_READS),
        unseen={
            **UNSEEN_FLOW_READS,
            "ec2.describe_dhcp_options": "only of a VPC that has some: those of reach see it",
        },
        plans=False,
    ),
    Declaration(
        "network flows rejected",
        role="reader",
        calls=FLOW_READS,
        unseen=UNSEEN_FLOW_READS,
        plans=False,
    ),
    Declaration(
        "network flows top",
        role="reader",
        calls=FLOW_READS,
        unseen=UNSEEN_FLOW_READS,
        plans=False,
    ),
    Declaration(
        "network reach",
        role="reader",
        calls=(*VPC_READS, *PLACE_READS),
        needs={"FROM": "backend", "TO": "database"},
        bad={
            "FROM": (
                "nonsense",
                "database",
                "10.0.0.300",
                "i-1",
                "secretsmanager",
                "function/",
                "function/a b",
            ),
            "TO": (
                "nonsense",
                "10.0.0.1",
                "database:0",
                "database:x",
                "database:70000",
                "i-1:22",
                "rotation:80",
            ),
            "--image": ("nonsense!:x", "python"),
        },
        example="network reach backend database",
        plans=False,
    ),
    Declaration(
        "network reach --probe",
        role="operator",
        calls=(
            *CHANGE,
            *VPC_READS,
            *TRIED_PLACE_READS,
            "ecs.deregister_task_definition",
            "ecs.describe_task_definition",
            "ecs.register_task_definition",
            "ecs.run_task",
            "logs.filter_log_events",
            "ssm.get_command_invocation",
            "ssm.list_command_invocations",
            "ssm.list_commands",
            "ssm.send_command",
        ),
        needs={"FROM": "fleet", "TO": "database"},
        bad={
            "FROM": ("load-balancer", "internet", "10.0.0.1", "rotation"),
            "TO": ("internet:443",),
        },
        example="network reach fleet database --probe",
    ),
)
