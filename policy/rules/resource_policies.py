"""Who is let in: every policy of a resource, and every permission that is a resource of its own."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from policy.rules.conditions import bounds_principals, bounds_source
from policy.rules.model import (
    IS_FALSE_OR_UNSET,
    UNKNOWN,
    PolicyResource,
    ResourceRule,
    any_value,
    as_list,
    check_value,
    find_property,
    format_violation,
    list_statements,
    one_of,
)

# The policies of a resource itself, in IAM's language, by type. A test holds this against every
# type of the installed provider.
POLICY_PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "aws:acmpca/policy:Policy": ("policy",),
    "aws:amp/resourcePolicy:ResourcePolicy": ("policyDocument",),
    "aws:apigateway/domainName:DomainName": ("policy",),
    "aws:apigateway/restApi:RestApi": ("policy",),
    "aws:apigateway/restApiPolicy:RestApiPolicy": ("policy",),
    "aws:backup/vaultPolicy:VaultPolicy": ("policy",),
    "aws:bedrock/agentcoreResourcePolicy:AgentcoreResourcePolicy": ("policy",),
    "aws:cloudsearch/domainServiceAccessPolicy:DomainServiceAccessPolicy": ("accessPolicy",),
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": ("policy",),
    "aws:cloudwatch/logDeliveryDestinationPolicy:LogDeliveryDestinationPolicy": (
        "deliveryDestinationPolicy",
    ),
    "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy": ("accessPolicy",),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": ("policyDocument",),
    "aws:codeartifact/domainPermissions:DomainPermissions": ("policyDocument",),
    "aws:codeartifact/repositoryPermissionsPolicy:RepositoryPermissionsPolicy": ("policyDocument",),
    "aws:codebuild/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:dsql/clusterPolicy:ClusterPolicy": ("policy",),
    "aws:dynamodb/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:ecr/registryPolicy:RegistryPolicy": ("policy",),
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": ("repositoryPolicy",),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("policy",),
    "aws:ecrpublic/repositoryPolicy:RepositoryPolicy": ("policy",),
    "aws:efs/fileSystemPolicy:FileSystemPolicy": ("policy",),
    "aws:elasticsearch/domain:Domain": ("accessPolicies",),
    "aws:elasticsearch/domainPolicy:DomainPolicy": ("accessPolicies",),
    "aws:glacier/vault:Vault": ("accessPolicy",),
    "aws:glacier/vaultLock:VaultLock": ("policy",),
    "aws:glue/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:iam/role:Role": ("assumeRolePolicy",),
    "aws:kinesis/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:kms/externalKey:ExternalKey": ("policy",),
    "aws:kms/key:Key": ("policy",),
    "aws:kms/keyPolicy:KeyPolicy": ("policy",),
    "aws:kms/replicaExternalKey:ReplicaExternalKey": ("policy",),
    "aws:kms/replicaKey:ReplicaKey": ("policy",),
    "aws:lambda/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:mediastore/containerPolicy:ContainerPolicy": ("policy",),
    "aws:msk/clusterPolicy:ClusterPolicy": ("policy",),
    "aws:networkfirewall/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:oam/sinkPolicy:SinkPolicy": ("policy",),
    "aws:opensearch/domain:Domain": ("accessPolicies",),
    "aws:opensearch/domainPolicy:DomainPolicy": ("accessPolicies",),
    "aws:opensearchingest/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:pinpoint/smsvoicev2ResourcePolicy:Smsvoicev2ResourcePolicy": ("policy",),
    "aws:redshift/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:redshiftserverless/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:s3/accessPoint:AccessPoint": ("policy",),
    "aws:s3/bucket:Bucket": ("policy",),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy",),
    "aws:s3/filesFileSystemPolicy:FilesFileSystemPolicy": ("policy",),
    "aws:s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": ("policy",),
    "aws:s3control/accessGrantsInstanceResourcePolicy:AccessGrantsInstanceResourcePolicy": (
        "policy",
    ),
    "aws:s3control/accessPointPolicy:AccessPointPolicy": ("policy",),
    "aws:s3control/bucketPolicy:BucketPolicy": ("policy",),
    "aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy": ("policy",),
    "aws:s3tables/tableBucketPolicy:TableBucketPolicy": ("resourcePolicy",),
    "aws:s3tables/tablePolicy:TablePolicy": ("resourcePolicy",),
    "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy": ("resourcePolicy",),
    "aws:schemas/registryPolicy:RegistryPolicy": ("policy",),
    "aws:secretsmanager/secret:Secret": ("policy",),
    "aws:secretsmanager/secretPolicy:SecretPolicy": ("policy",),
    "aws:ses/identityPolicy:IdentityPolicy": ("policy",),
    "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy": ("policy",),
    "aws:sns/topic:Topic": ("policy",),
    "aws:sns/topicPolicy:TopicPolicy": ("policy",),
    "aws:sqs/queue:Queue": ("policy",),
    "aws:sqs/queuePolicy:QueuePolicy": ("policy",),
    "aws:vpclattice/authPolicy:AuthPolicy": ("policy",),
    "aws:vpclattice/resourcePolicy:ResourcePolicy": ("policy",),
    "aws:xray/resourcePolicy:ResourcePolicy": ("policyDocument",),
}
# Services that send no source with a request, so that a condition on it would shut them out, and
# where that is said. Patterns of the name before .amazonaws.com.
SOURCELESS_SERVICES: Final[Mapping[str, str]] = {
    "ec2": "prowler-cloud/prowler#2810, citing AWS Support",
    "lambda": "prowler-cloud/prowler#2810, citing AWS Support",
    "backup": "prowler-cloud/prowler#2810; SNS Developer Guide, Key management",
    "events": "EventBridge User Guide, Troubleshooting: a SourceAccount prevents the invocation",
    "s3": "S3 User Guide, Setting up permissions for live replication: no condition",
    "export.rds": "RDS User Guide, Providing access to an Amazon S3 bucket: no condition",
    "logdelivery.elasticloadbalancing": "ELB User Guide, Enable access logs: the path is bound",
    "logs.*": "CloudWatch Logs User Guide, Encrypt log data: the context is bound",
}
SERVICE_SUFFIXES: Final = (".amazonaws.com", ".amazonaws.com.cn", ".amazon.com")
PERMISSION_TYPE: Final = "aws:lambda/permission:Permission"
LAYER_PERMISSION_TYPE: Final = "aws:lambda/layerVersionPermission:LayerVersionPermission"
FUNCTION_URL_TYPE: Final = "aws:lambda/functionUrl:FunctionUrl"
BUS_PERMISSION_TYPE: Final = "aws:cloudwatch/eventPermission:EventPermission"
# Properties that share a resource with accounts, and the word with which that is everybody.
SHARING_PROPERTIES: Final[Mapping[str, tuple[str, str]]] = {
    "aws:ec2/amiLaunchPermission:AmiLaunchPermission": ("group", "all"),
    "aws:ec2/vpcEndpointService:VpcEndpointService": ("allowedPrincipals", "*"),
    "aws:ec2/vpcEndpointServiceAllowedPrinciple:VpcEndpointServiceAllowedPrinciple": (
        "principalArn",
        "*",
    ),
    "aws:rds/clusterSnapshot:ClusterSnapshot": ("sharedAccounts", "all"),
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy": ("sharedAccounts", "all"),
    "aws:rds/snapshot:Snapshot": ("sharedAccounts", "all"),
    "aws:rds/snapshotCopy:SnapshotCopy": ("sharedAccounts", "all"),
    "aws:ssm/document:Document": ("permissions.account_ids", "all"),
}
SHARE_TYPE: Final = "aws:ram/resourceShare:ResourceShare"


def list_policy_statements(resource: PolicyResource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields (path, statement) for each statement of the resource's own policies that allows."""
    for property_name in POLICY_PROPERTIES.get(resource.type, ()):
        document = find_property(resource.inputs, property_name)
        for index, statement in enumerate(list_statements(document)):
            if find_property(statement, "Effect") == "Allow":
                yield f"{property_name}.Statement.{index}", statement


def _check_public_principals(resource: PolicyResource) -> Iterator[str]:
    """A statement for any principal must have a condition that bounds who it is."""
    for path, statement in list_policy_statements(resource):
        if "NotPrincipal" in statement:
            yield (
                f"{path}.NotPrincipal is set, must be Principal: it lets in everyone whom it does "
                "not name"
            )
        if _names_everyone(find_property(statement, "Principal")) and not bounds_principals(
            find_property(statement, "Condition")
        ):
            yield format_violation(
                f"{path}.Principal",
                "*",
                "named principals, or have a Condition on an account, an organization, an ARN "
                "or a network",
            )


def _check_service_principals(resource: PolicyResource) -> Iterator[str]:
    """A service that sends its source must be bound to one: it also acts for other accounts."""
    for path, statement in list_policy_statements(resource):
        services = as_list(find_property(find_property(statement, "Principal"), "Service"))
        for service in filter(_sends_source, services):
            if not bounds_source(find_property(statement, "Condition")):
                yield (
                    f"{path}.Principal.Service is {service!r} without a source, must be bound "
                    "by a Condition on aws:SourceAccount, aws:SourceArn or aws:SourceOrgID"
                )


def _check_function_access(resource: PolicyResource) -> Iterator[str]:
    """A function is called by whom its permission names, for one account or one resource."""
    inputs = resource.inputs
    if resource.type == FUNCTION_URL_TYPE:
        authorization = find_property(inputs, "authorizationType")
        yield from check_value("authorizationType", authorization, one_of("AWS_IAM"))
        return
    principal = find_property(inputs, "principal")
    if not isinstance(principal, str):
        return
    if resource.type == LAYER_PERMISSION_TYPE:
        organization = find_property(inputs, "organizationId")
        if principal == "*":
            yield from check_value("organizationId", organization, any_value("an organization"))
        return
    if find_property(inputs, "functionUrlAuthType") == "NONE":
        yield format_violation("functionUrlAuthType", "NONE", "AWS_IAM")
    condition = _build_permission_condition(inputs)
    if principal == "*" and not bounds_principals(condition):
        yield format_violation(
            "principal",
            "*",
            "a named principal, or have sourceAccount, sourceArn or principalOrgId",
        )
    if principal.endswith(SERVICE_SUFFIXES) and not bounds_source(condition):
        yield (
            f"principal is {principal!r} without a source, must be bound by sourceAccount, or by a "
            "sourceArn with an account in it"
        )


def _build_permission_condition(inputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The condition that Lambda writes for a permission (API reference, AddPermission).

    The ARN of a bucket has no account: somebody else may own the name after its deletion.
    """
    arn = find_property(inputs, "sourceArn")
    has_account = arn is UNKNOWN or (
        isinstance(arn, str) and len(arn.split(":")) > 4 and arn.split(":")[4].strip("*?") != ""
    )
    values = {
        "aws:SourceAccount": find_property(inputs, "sourceAccount"),
        "aws:SourceArn": arn if has_account else None,
        "aws:PrincipalOrgID": find_property(inputs, "principalOrgId"),
        "lambda:EventSourceToken": find_property(inputs, "eventSourceToken"),
    }
    return {"StringLike": {key: value for key, value in values.items() if value is not None}}


def _check_shares(resource: PolicyResource) -> Iterator[str]:
    """What is shared is shared with named accounts."""
    if resource.type == SHARE_TYPE:
        path = "allowExternalPrincipals"
        yield from check_value(path, find_property(resource.inputs, path), IS_FALSE_OR_UNSET)
        return
    if resource.type == BUS_PERMISSION_TYPE:
        if find_property(resource.inputs, "principal") == "*":
            condition = find_property(resource.inputs, "condition")
            yield from check_value("condition", condition, any_value("an organization"))
        return
    path, everybody = SHARING_PROPERTIES[resource.type]
    for value in as_list(find_property(resource.inputs, path)):
        for entry in str(value).split(","):
            if entry.strip().lower() == everybody:
                yield format_violation(path, entry, "accounts by their number")


def _sends_source(service: Any) -> bool:
    name = str(service).removesuffix(".cn").removesuffix(".amazonaws.com")
    return not any(fnmatchcase(name, pattern) for pattern in SOURCELESS_SERVICES)


def _names_everyone(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return any("*" in as_list(find_property(principal, kind)) for kind in principal)
    return "*" in as_list(principal)


RESOURCE_POLICY_RULES: Final = (
    ResourceRule(
        "policy-not-public",
        ("S3.2", "SNS.4", "KMS.5"),
        tuple(POLICY_PROPERTIES),
        "A resource's policy lets nobody in without a condition.",
        _check_public_principals,
    ),
    ResourceRule(
        "service-bounded",
        ("house",),
        tuple(POLICY_PROPERTIES),
        "A service may act only for a named account or resource.",
        _check_service_principals,
    ),
    ResourceRule(
        "function-not-public",
        ("Lambda.1",),
        (PERMISSION_TYPE, FUNCTION_URL_TYPE, LAYER_PERMISSION_TYPE),
        "A function is called by named principals, and by services for a named source.",
        _check_function_access,
    ),
    ResourceRule(
        "share-not-public",
        ("RDS.1", "SSM.4"),
        (*SHARING_PROPERTIES, BUS_PERMISSION_TYPE, SHARE_TYPE),
        "Snapshots, images, documents and event buses are shared with named accounts only.",
        _check_shares,
    ),
)
