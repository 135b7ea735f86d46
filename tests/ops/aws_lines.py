"""Lines of the AWS CLI that findings name, run as the CLI would run them, on a stage.

The CLI is not needed: its options are botocore's parameters in kebab case (AWS CLI User Guide,
"Command structure"). Values are JSON for lists and structures, else words; a list takes several.
"""

import json
import re
import shlex
from collections.abc import Callable
from typing import Any, Final

from botocore import xform_name

# Names of the CLI that are not those of the API (AWS CLI reference, `aws s3api`, `aws deploy`).
CLI_SERVICES: Final = {"configservice": "config", "s3api": "s3", "logs": "logs"}
BuildClient = Callable[[str, str], Any]


def run_aws_line(build_client: BuildClient, line: str, region: str) -> Any:
    """Runs `aws SERVICE OPERATION --option value ...`; raises AssertionError if it is no line."""
    program, service, operation, *words = shlex.split(line)
    assert program == "aws", line
    values: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if re.fullmatch(r"--[a-z][a-z0-9-]*", word):
            name = word.removeprefix("--")
            values[name] = []
        else:
            assert name, line
            values[name].append(word)
    region = values.pop("region", [region])[0]
    client = build_client(CLI_SERVICES.get(service, service), region)
    method = operation.replace("-", "_")
    assert hasattr(client, method), f"aws {service} has no {operation}"
    shape = client.meta.service_model.operation_model(
        client.meta.method_to_api_mapping[method]
    ).input_shape
    params = {}
    for option, texts in values.items():
        param, member, is_denied = _find_member(shape, option)
        params[param] = (not is_denied) if member.type_name == "boolean" else _parse(member, texts)
        assert member.type_name != "boolean" or not texts, f"--{option} takes no value"
    return getattr(client, method)(**params)


def _find_member(shape: Any, option: str) -> tuple[str, Any, bool]:
    for param, member in shape.members.items():
        # EC2 has wrappers of booleans, which are flags in the CLI as well.
        cli_name = xform_name(param, "-")
        if option == cli_name:
            return param, member, False
        # `--ingress | --egress` is one flag (AWS CLI reference, delete-network-acl-entry).
        if (option, param) == ("ingress", "Egress"):
            return param, member, True
        if option == f"no-{cli_name}" and member.type_name == "boolean":
            return param, member, True
    raise AssertionError(f"no option --{option}, of {[xform_name(m, '-') for m in shape.members]}")


def _parse(member: Any, texts: list[str]) -> Any:
    assert texts, f"{member.name} needs a value"
    if texts[0].startswith(("{", "[")) and member.type_name != "string":
        (text,) = texts
        return json.loads(text)
    if member.type_name == "list":
        return [_convert(member.member, text) for text in texts]
    if member.type_name in ("structure", "map"):  # Key=Value,Key=Value
        (text,) = texts
        parts = dict(part.split("=", 1) for part in text.split(","))
        members = getattr(member, "members", {})
        return {k: _convert(members.get(k, member), v) for k, v in parts.items()}
    (text,) = texts
    return _convert(member, text)


def _convert(member: Any, text: str) -> Any:
    match member.type_name:
        case "integer" | "long":
            return int(text)
        case "boolean":
            assert text in ("true", "false"), text
            return text == "true"
        case "structure":
            return _parse(member, [text])
        case _:
            return text
