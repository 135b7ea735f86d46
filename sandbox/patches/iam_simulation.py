"""IAM: SimulatePrincipalPolicy, which moto lacks, by an evaluation of what is attached.

Sources: IAM API reference, SimulatePrincipalPolicy and EvaluationResult; IAM User Guide, "Policy
evaluation logic". Only the keys of statements about the action and resource count as missing, and
an inline policy is called `role_NAME_POLICY` (both assumed: AWS says neither).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from sandbox.patches.patching import AwsError, ServicePatch, backend_state
from sandbox.policy_evaluation import is_statement_about, is_statement_matching, list_statements

patch = ServicePatch()
EVERY_RESOURCE: Final = "*"
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True)
class SimulatedPolicy:
    """A policy as text, the name and the kind that the answer has for it."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class _Match:
    policy: SimulatedPolicy
    number: int
    effect: str


@dataclass
class Organization:
    """What the account's organisation denies: actions. None: the account is in none."""

    denied_actions: tuple[str, ...] | None = None


def get_organization(backend: IAMBackend) -> Organization:
    """The organisation of an account, which tests change."""
    return backend_state(backend, "organization", Organization)


@patch.add_operation(IamResponse, "SimulatePrincipalPolicy")
def simulate_principal_policy(response: IamResponse, params: dict[str, Any]) -> dict[str, Any]:
    """Evaluates each action on each resource; the answer has one page."""
    backend = response.backend
    arn = str(params["PolicySourceArn"])
    policies, boundary = _list_policies(backend, arn)
    policies += [
        SimulatedPolicy(f"PolicyInputList.{number}", "none", text)
        for number, text in enumerate(params.get("PolicyInputList") or (), 1)
    ]
    context = {
        str(entry["ContextKeyName"]).lower(): [str(v) for v in entry["ContextKeyValues"]]
        for entry in params.get("ContextEntries") or ()
    }
    resources = params.get("ResourceArns") or [EVERY_RESOURCE]
    resource_policy = params.get("ResourcePolicy")
    if resource_policy and ":user/" not in arn:
        raise AwsError(
            "InvalidInput", "Simulation of resource-based policies is not supported for roles"
        )
    organization = get_organization(backend)
    results = []
    for action in params["ActionNames"]:
        for resource in resources:
            answer = _evaluate(policies, boundary, resource_policy, arn, action, resource, context)
            result = {"EvalActionName": action, "EvalResourceName": resource, **answer}
            if organization.denied_actions is not None:
                is_allowed = action.lower() not in organization.denied_actions
                result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": is_allowed}
                if not is_allowed:
                    result["EvalDecision"] = "implicitDeny"
                    result["MatchedStatements"] = []
            if resource != EVERY_RESOURCE:
                result = _move_to_resource(result, resource)
            results.append(result)
    return {"EvaluationResults": results, "IsTruncated": False}


def _move_to_resource(result: dict[str, Any], resource: str) -> dict[str, Any]:
    """With resources the missing keys and the boundary are said of each of them."""
    specific = {
        "EvalResourceName": resource,
        "EvalResourceDecision": result["EvalDecision"],
        "MatchedStatements": result["MatchedStatements"],
        "MissingContextValues": result["MissingContextValues"],
    }
    if "PermissionsBoundaryDecisionDetail" in result:
        specific["PermissionsBoundaryDecisionDetail"] = result["PermissionsBoundaryDecisionDetail"]
    return {**result, "MissingContextValues": [], "ResourceSpecificResults": [specific]}


def _list_policies(
    backend: IAMBackend, arn: str
) -> tuple[list[SimulatedPolicy], SimulatedPolicy | None]:
    """What is attached to a user, with its groups, or to a role; and the boundary."""
    is_user = ":user/" in arn
    holders: Mapping[str, Any] = backend.users if is_user else backend.roles
    holder = next((each for each in holders.values() if each.arn == arn), None)
    if holder is None:
        raise AwsError("NoSuchEntity", f"The entity {arn} cannot be found.")
    sources = [("user" if is_user else "role", holder)]
    if is_user:
        sources += [("group", group) for group in backend.get_groups_for_user(holder.name)]
    policies = []
    for kind, source in sources:
        policies += [
            SimulatedPolicy(f"{kind}_{source.name}_{name}", kind, text)
            for name, text in source.policies.items()
        ]
        policies += [
            SimulatedPolicy(
                policy.name,
                "aws-managed" if ":aws:policy/" in policy.arn else "user-managed",
                _get_text(policy),
            )
            for policy in source.managed_policies.values()
        ]
    boundary_arn = getattr(holder, "permissions_boundary_arn", None)
    if not boundary_arn:
        return policies, None
    boundary = backend.managed_policies[boundary_arn]
    return policies, SimulatedPolicy(boundary.name, "none", _get_text(boundary))


def _get_text(policy: Any) -> str:
    return next(
        str(v.document) for v in policy.versions if v.version_id == policy.default_version_id
    )


def _evaluate(
    policies: Sequence[SimulatedPolicy],
    boundary: SimulatedPolicy | None,
    resource_policy: str | None,
    principal: str,
    action: str,
    resource: str,
    context: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    matches = list(_find_matches(policies, action, resource, context))
    missing = {*_list_missing_keys(policies, action, resource, context)}
    named: list[_Match] = []
    if resource_policy:
        resource_policies = [SimulatedPolicy("ResourcePolicy", "resource", resource_policy)]
        named = [
            match
            for match in _find_matches(resource_policies, action, resource, context)
            if _is_principal(_get_statement(match).get("Principal"), principal)
        ]
        missing |= {*_list_missing_keys(resource_policies, action, resource, context)}
    limits = [*_find_matches([boundary], action, resource, context)] if boundary else []
    is_in_boundary = _decide(limits) == "allowed" if boundary else True
    every_match = [*matches, *named, *(m for m in limits if m.effect == "Deny")]
    decision = _decide(every_match)
    # What a resource's policy allows a user by its name no boundary limits.
    if decision == "allowed" and not is_in_boundary and not named:
        decision = "implicitDeny"
    effect = {"allowed": "Allow", "explicitDeny": "Deny"}.get(decision)
    answer: dict[str, Any] = {
        "EvalDecision": decision,
        "MatchedStatements": [_describe(m) for m in every_match if m.effect == effect],
        "MissingContextValues": sorted(missing),
    }
    if boundary:
        answer["PermissionsBoundaryDecisionDetail"] = {
            "AllowedByPermissionsBoundary": is_in_boundary
        }
    return answer


def _decide(matches: Iterable[_Match]) -> str:
    effects = {match.effect for match in matches}
    if "Deny" in effects:
        return "explicitDeny"
    return "allowed" if "Allow" in effects else "implicitDeny"


def _find_matches(
    policies: Iterable[SimulatedPolicy],
    action: str,
    resource: str,
    context: Mapping[str, Sequence[str]],
) -> Iterator[_Match]:
    for policy in policies:
        for number, statement in enumerate(list_statements(json.loads(policy.text))):
            if is_statement_matching(statement, action, resource, context):
                yield _Match(policy, number, str(statement["Effect"]))


def _list_missing_keys(
    policies: Iterable[SimulatedPolicy],
    action: str,
    resource: str,
    context: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    for policy in policies:
        for statement in list_statements(json.loads(policy.text)):
            if is_statement_about(statement, action, resource):
                for keys in statement.get("Condition", {}).values():
                    yield from (key for key in keys if key.lower() not in context)


def _get_statement(match: _Match) -> Mapping[str, Any]:
    return list_statements(json.loads(match.policy.text))[match.number]


def _is_principal(element: Any, principal: str) -> bool:
    values = element.get("AWS", ()) if isinstance(element, Mapping) else element
    names = values if isinstance(values, list) else [values]
    root = f"{principal.rpartition(':')[0]}:root"
    return any(name in (EVERY_RESOURCE, principal, root, principal.split(":")[4]) for name in names)


def _describe(match: _Match) -> dict[str, Any]:
    start, end = _list_spans(match.policy.text)[match.number]
    return {
        "SourcePolicyId": match.policy.name,
        "SourcePolicyType": match.policy.kind,
        "StartPosition": _find_position(match.policy.text, start),
        "EndPosition": _find_position(match.policy.text, end),
    }


def _find_position(text: str, offset: int) -> dict[str, int]:
    before = text[:offset]
    return {"Line": before.count("\n") + 1, "Column": offset - (before.rfind("\n") + 1) + 1}


def _list_spans(text: str) -> list[tuple[int, int]]:
    """Where each statement begins and ends in the text of a policy."""
    position = text.index('"Statement"') + len('"Statement"')
    position = _skip(text, position, ":")
    spans = []
    if text[position] != "[":
        return [(position, _DECODER.raw_decode(text, position)[1])]
    position = _skip(text, position, "[")
    while text[position] != "]":
        end = _DECODER.raw_decode(text, position)[1]
        spans.append((position, end))
        position = _skip(text, end, ",")
    return spans


def _skip(text: str, position: int, character: str) -> int:
    """The position of what follows a character and white space."""
    while text[position].isspace() or text[position] == character:
        position += 1
    return position
