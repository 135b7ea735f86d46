"""Parameters of calls that checks make, where a test records none of them."""

from typing import Final

from components.facts.fleet import AMI_PARAMETERS
from tests.ops.stage import STACK_PREFIX

# Calls of the checklists that are judged by their parameters, so that they must be typed.
APIS_WITH_PARAMETERS: Final = ("s3.get_object", "secretsmanager.describe_secret")
# Parameters of calls that checks make only if something is muted, or there is a fleet.
PARAMETERS_BY_API: Final = {
    "ecs.list_service_deployments": {"cluster": STACK_PREFIX, "service": "backend"},
    "cloudwatch.get_alarm_mute_rule": {"AlarmMuteRuleName": f"{STACK_PREFIX}-mute"},
    "iam.list_access_keys": {"UserName": "exporter"},
    "ssm.get_parameter": {"Name": AMI_PARAMETERS["arm64"]},
}
