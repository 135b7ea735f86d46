"""Stand-ins for AWS: mocks whose outputs look like AWS's, and settings for one component."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pulumi
from pydantic import JsonValue

from components.settings import Settings, parse_settings
from sandbox.program import ResourceGraph, remove_secret_marks, run_stack_program

ACCOUNT, PARTITION = "123456789012", "aws"
INVOKE_RESULTS: dict[str, dict[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT, "id": ACCOUNT},
    "aws:index/getPartition:getPartition": {"partition": PARTITION},
    "aws:route53/getZone:getZone": {"name": "example.com"},
    "aws:route53/getZones:getZones": {
        "ids": ["Z0123456789", "Z0OTHER", "Z0PRODEXAMPLE0000001", "Z1", "Z2"]
    },
    "aws:ssm/getParameter:getParameter": {"value": "ami-0123456789abcdef0"},
    "aws:ssm/getParametersByPath:getParametersByPath": {"names": [], "values": []},
}
# Outputs that a later resource needs to be more than a word; by type, then by property.
COMPUTED_OUTPUTS: dict[str, dict[str, Any]] = {
    "aws:route53/zone:Zone": {"nameServers": ["ns-1.example.org", "ns-2.example.org"]},
    "random:index/randomId:RandomId": {"hex": "0a1b2c3d"},
    "random:index/randomPassword:RandomPassword": {"result": "Aa1-" * 8},
}


class AwsMocks(pulumi.runtime.Mocks):
    """Answers each registration with its inputs and plausible outputs; an unknown invoke fails."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = remove_secret_marks(args.inputs)
        name, kind = args.name, args.typ.split(":")[-1]
        service = args.typ.split(":")[1].split("/")[0] if ":" in args.typ else "x"
        region = inputs.get("region") or "eu-north-1"
        outputs = {
            "arn": f"arn:aws:{service}:{region}:{ACCOUNT}:{kind.lower()}/{name}",
            "name": inputs.get("name") or f"{inputs.get('namePrefix') or name + '-'}a1b2c3d",
            "arnSuffix": f"{kind.lower()}/{name}/50dc6c495c0c9188",
            "dnsName": f"{name}.elb.amazonaws.com",
            "address": f"{name}.rds.amazonaws.com",
            "keyId": f"key-{name}",
            "zoneId": f"Z{name.upper()}",
            "publicIp": "203.0.113.7",
            "allocationId": f"eipalloc-{name}",
            "primaryNetworkInterfaceId": f"eni-{name}",
            "primaryEndpointAddress": f"{name}.cache.amazonaws.com",
            "readerEndpointAddress": f"{name}-ro.cache.amazonaws.com",
            "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/{name}",
            "bucket": f"bucket-{name}",
            "fqdn": f"{name}.example.com",
            "latestVersion": 1,
            "revision": 1,
            "domainValidationOptions": [
                {
                    "domainName": host,
                    "resourceRecordName": f"_x.{host}.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_y.acm-validations.aws.",
                }
                for host in _list_certificate_hosts(inputs)
            ],
        }
        return f"{name}-id", outputs | COMPUTED_OUTPUTS.get(args.typ, {}) | inputs

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token == "aws:index/getAvailabilityZones:getAvailabilityZones":
            return {"names": [f"{args.args['region']}{letter}" for letter in "abcdef"]}, []
        if args.token not in INVOKE_RESULTS:
            raise LookupError(f"unexpected invoke {args.token}")
        return INVOKE_RESULTS[args.token], []


def _list_certificate_hosts(inputs: Mapping[str, Any]) -> list[str]:
    """The host names that a certificate is for, as ACM lists them."""
    return [inputs.get("domainName") or "", *(inputs.get("subjectAlternativeNames") or [])]


def build_settings(
    values: Mapping[str, JsonValue] | None = None, *, profile: str = "prod"
) -> Settings:
    """Settings of a stack named `test`: the profile's, with `values` on top (camelCase keys)."""
    base: dict[str, JsonValue] = {
        "profile": profile,
        "owner": "platform",
        "costCenter": "cc-1",
        "recoveryRegion": "eu-west-1",
        "loadBalancer": {"domain": "app.example.com", "zoneId": "Z0123456789"},
    }
    alarms = (values or {}).get("alarms", {})
    if isinstance(alarms, dict) and "subscriptions" not in alarms:
        base["alarms"] = {"noSubscriptionsReason": "a test wakes nobody", **alarms}
        values = {key: value for key, value in (values or {}).items() if key != "alarms"}
    if profile == "dev":
        base |= {"recoveryRegion": None, "loadBalancer": {}}
    merged = base | dict(values or {})
    return parse_settings(
        "bulwark",
        stack="test",
        region="eu-north-1",
        config={f"bulwark:{k}": _format_config_value(v) for k, v in merged.items()},
    )


def run_whole_program(
    stack: str, overrides: Mapping[str, JsonValue] | None = None
) -> ResourceGraph:
    """What the whole program registers for a stack; run once a process, as tests only read it."""
    return _run_whole_program(stack, json.dumps(overrides or {}, sort_keys=True))


@cache
def _run_whole_program(stack: str, overrides: str) -> ResourceGraph:
    return run_stack_program(stack, AwsMocks(), json.loads(overrides))


def _format_config_value(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
