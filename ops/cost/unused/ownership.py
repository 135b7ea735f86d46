"""Whose a resource of the account is, by its tags: this stack's, another's, or nobody's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ops.cost.explorer import ENVIRONMENT_TAG, PROJECT_TAG
from ops.outputs import StackPart

OwnerKind = Literal["stack", "other", "none"]
# Tags that other programs put on what they own, and how they are said. Sources: CloudFormation User
# Guide, "Resource tag"; Auto Scaling User Guide, "Tag lifecycle"; EKS User Guide, "Tagging";
# Elastic Beanstalk Developer Guide, "Tagging"; EBS User Guide, "Data Lifecycle Manager";
# AWS Backup Developer Guide, "Copying tags".
OWNER_TAGS: Final[Mapping[str, str]] = {
    "aws:cloudformation:stack-name": "CloudFormation's stack",
    "aws:autoscaling:groupName": "the Auto Scaling group",
    "aws:ec2:fleet-id": "the EC2 fleet",
    "eks:cluster-name": "the EKS cluster",
    "aws:eks:cluster-name": "the EKS cluster",
    "elasticbeanstalk:environment-name": "the Elastic Beanstalk environment",
    "aws:dlm:lifecycle-policy-id": "the Data Lifecycle Manager policy",
    "aws:backup:source-resource": "AWS Backup's plan for",
}
# A cluster of Kubernetes has its name in the key: kubernetes.io/cluster/NAME.
KUBERNETES_PREFIX: Final = "kubernetes.io/cluster/"


@dataclass(frozen=True)
class Owner:
    """Whose a resource is. `name` is said after the resource's own name."""

    kind: OwnerKind
    name: str


def find_owner(tags: Mapping[str, str], stack: StackPart) -> Owner:
    """Whose a resource with these tags is. What has the tags of a stack is that stack's alone."""
    project, environment = tags.get(PROJECT_TAG), tags.get(ENVIRONMENT_TAG)
    if (project, environment) == (stack.project, stack.stack):
        component = tags.get("Component")
        return Owner("stack", f"this stack, {component}" if component else "this stack")
    if project or environment:
        return Owner("other", "-".join(word for word in (project, environment) if word))
    for key, phrase in OWNER_TAGS.items():
        if key in tags:
            return Owner("other", f"{phrase} {tags[key]}")
    for key in tags:
        if key.startswith(KUBERNETES_PREFIX):
            return Owner("other", f"the cluster {key.removeprefix(KUBERNETES_PREFIX)}")
    return Owner("none", "no stack")


def parse_tags(item: Mapping[str, Any], field: str = "Tags") -> dict[str, str]:
    """The tags of an answer's item; none if it has none."""
    pairs: Iterable[Mapping[str, Any]] = item.get(field) or ()
    return {str(pair["Key"]): str(pair.get("Value", "")) for pair in pairs}
