"""AWS Config's evaluations, which moto lacks: of one managed rule, on the sandbox's own buckets.

Other rules have no result, as on AWS before their first evaluation. Sources: AWS Config API
reference, DescribeComplianceByConfigRule and StartConfigRulesEvaluation; Developer Guide,
"s3-bucket-versioning-enabled".
"""

from typing import Any, Final

from moto.config.models import config_backends
from moto.config.responses import ConfigResponse
from moto.s3.models import s3_backends

from sandbox.patches.patching import AwsError, ServicePatch, backend_state

patch = ServicePatch()
ApiRecord = dict[str, Any]
_VERSIONING_RULE: Final = "S3_BUCKET_VERSIONING_ENABLED"
_CAP: Final = 25  # of contributors that are counted


@patch.add_operation(ConfigResponse, "StartConfigRulesEvaluation")
def start_config_rules_evaluation(response: ConfigResponse, params: ApiRecord) -> ApiRecord:
    """Evaluates rules now; a minute later on AWS."""
    results = _get_results(response)
    for name in params.get("ConfigRuleNames") or ():
        rule = response.config_backend.config_rules.get(name)
        if rule is None:
            raise AwsError("NoSuchConfigRuleException", f"The ConfigRule '{name}' is not there.")
        if rule.source.source_identifier != _VERSIONING_RULE:
            continue
        account, region = response.current_account, response.region
        results[name] = [
            bucket.name
            for bucket in s3_backends[account][response.partition].buckets.values()
            if bucket.region_name == region and bucket.versioning_status != "Enabled"
        ]
    return {}


@patch.add_operation(ConfigResponse, "DescribeComplianceByConfigRule")
def describe_compliance(response: ConfigResponse, params: ApiRecord) -> ApiRecord:
    """What the last evaluation of each rule said."""
    results = _get_results(response)
    items = []
    for name in response.config_backend.config_rules:
        failed = results.get(name)
        kind = "INSUFFICIENT_DATA" if failed is None else "COMPLIANT"
        compliance: ApiRecord = {"ComplianceType": kind}
        if failed:
            count = {"CappedCount": min(len(failed), _CAP), "CapExceeded": len(failed) > _CAP}
            compliance = {"ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": count}
        if compliance["ComplianceType"] in (params.get("ComplianceTypes") or [kind]):
            items.append({"ConfigRuleName": name, "Compliance": compliance})
    return {"ComplianceByConfigRules": items}


def _get_results(response: ConfigResponse) -> dict[str, list[str]]:
    """By rule, the resources that do not comply."""
    backend = config_backends[response.current_account][response.region]
    return backend_state(backend, "evaluations", dict)
