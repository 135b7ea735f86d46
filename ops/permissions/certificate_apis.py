"""What the calls about certificates need: ACM, the listener's list, the records of the zone."""

from collections.abc import Mapping
from typing import Final

from ops.permissions.grants import Grant, build_grant, build_unscoped_grant

CERTIFICATE_API_GRANTS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "acm.describe_certificate": (
        build_grant("acm:DescribeCertificate", "certificates", "certificates there"),
    ),
    "acm.delete_certificate": (build_grant("acm:DeleteCertificate", "certificates"),),
    "acm.get_certificate": (build_grant("acm:GetCertificate", "certificates"),),
    "acm.list_certificates": (build_unscoped_grant("acm:ListCertificates"),),
    # With tags it needs both (ACM User Guide, "Tag-on-create").
    "acm.request_certificate": (
        build_unscoped_grant("acm:RequestCertificate"),
        build_grant("acm:AddTagsToCertificate", "certificates"),
    ),
    "elbv2.add_listener_certificates": (
        build_grant("elasticloadbalancing:AddListenerCertificates", "balancer listener"),
    ),
    "elbv2.describe_listener_certificates": (
        build_unscoped_grant("elasticloadbalancing:DescribeListenerCertificates"),
    ),
    "elbv2.modify_listener": (
        build_grant("elasticloadbalancing:ModifyListener", "balancer listener"),
    ),
    "elbv2.remove_listener_certificates": (
        build_grant("elasticloadbalancing:RemoveListenerCertificates", "balancer listener"),
    ),
    # It lists tagged resources of every service (Service Authorization Reference).
    "resourcegroupstaggingapi.get_resources": (build_unscoped_grant("tag:GetResources"),),
    "route53.change_resource_record_sets": (
        build_grant("route53:ChangeResourceRecordSets", "zone"),
    ),
    "route53.get_hosted_zone": (build_grant("route53:GetHostedZone", "zone"),),
    "route53.list_resource_record_sets": (build_grant("route53:ListResourceRecordSets", "zone"),),
}
