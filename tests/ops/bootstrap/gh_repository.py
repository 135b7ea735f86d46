"""A `gh` for the PATH: `gh api` on one repository's identity, users and environments in a file.

What GitHub answers is after its REST API reference; what is omitted in a PUT of an environment is
reset. A change by somebody whom `denied` names is refused.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

STATE_FILE = Path(os.environ["GH_REPOSITORY_FILE"])
ADMITTED_FIELDS = ("wait_timer", "prevent_self_review", "reviewers", "deployment_branch_policy")


def main() -> None:
    state: dict[str, Any] = json.loads(STATE_FILE.read_text("utf-8"))
    words = sys.argv[1:]
    assert words.pop(0) == "api"
    method, silent, fields, path = "GET", False, [], ""
    while words:
        match words.pop(0):
            case "--method":
                method = words.pop(0)
            case "--silent":
                silent = True
            case "-F":
                fields.append(words.pop(0))
            case word:
                path = word
    status, response = answer(state, method, path, parse_fields(fields))
    STATE_FILE.write_text(json.dumps(state), encoding="utf-8")
    if status >= 400:
        message = {"message": response, "status": str(status)}
        sys.stdout.write(json.dumps(message))
        sys.stderr.write(f"gh: {response} (HTTP {status})\n")
        raise SystemExit(1)
    if not silent and response is not None:
        sys.stdout.write(json.dumps(response))


def parse_fields(fields: list[str]) -> dict[str, Any]:
    """Nested parameters, as `gh help api` describes them."""
    body: dict[str, Any] = {}
    for field in fields:
        key, _, text = field.partition("=")
        value: Any = text
        if text in ("true", "false"):
            value = text == "true"
        elif re.fullmatch(r"\d+", text):
            value = int(text)
        if match := re.fullmatch(r"(\w+)\[\]\[(\w+)\]", key):
            items = body.setdefault(match[1], [])
            if not items or match[2] in items[-1]:
                items.append({})
            items[-1][match[2]] = value
        elif match := re.fullmatch(r"(\w+)\[(\w+)\]", key):
            body.setdefault(match[1], {})[match[2]] = value
        else:
            body[key] = value
    return body


def answer(state: dict[str, Any], method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    name = state["repository"]["full_name"]
    if path.lower() == f"repos/{name}".lower():
        return 200, state["repository"]
    if path == f"repos/{name}/actions/oidc/customization/sub":
        return 200, state["subject"]
    if match := re.fullmatch(r"users/([\w-]+)", path):
        user_id = state["users"].get(match[1])
        return (200, {"id": user_id}) if user_id else (404, "Not Found")
    match = re.fullmatch(
        f"repos/{re.escape(name)}/environments/([^/]+)(/deployment-branch-policies)?", path
    )
    if match is None:
        return 404, "Not Found"
    if state["denied"] and (method != "GET" or state["denied"] == "all"):
        return 403, "Must have admin rights to Repository."
    environment = state["environments"].get(match[1])
    if match[2]:
        return answer_policies(environment, method, body)
    if method == "PUT":
        assert set(body) <= set(ADMITTED_FIELDS)
        kept = environment["policies"] if environment else []
        environment = state["environments"][match[1]] = {**body, "policies": kept}
    elif method == "DELETE" and environment:
        del state["environments"][match[1]]
        return 204, None
    return (404, "Not Found") if environment is None else (200, describe(match[1], environment))


def answer_policies(
    environment: dict[str, Any] | None, method: str, body: dict[str, Any]
) -> tuple[int, Any]:
    if environment is None or "deployment_branch_policy" not in environment:
        return 404, "Not Found"
    if method == "POST":
        environment["policies"].append(body)
    return 200, {"branch_policies": environment["policies"]}


def describe(name: str, environment: dict[str, Any]) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    if environment.get("wait_timer"):
        rules.append({"type": "wait_timer", "wait_timer": environment["wait_timer"]})
    if environment.get("reviewers"):
        rules.append(
            {
                "type": "required_reviewers",
                "prevent_self_review": environment.get("prevent_self_review", False),
                "reviewers": [
                    {"type": one["type"], "reviewer": {"id": one["id"]}}
                    for one in environment["reviewers"]
                ],
            }
        )
    return {
        "name": name,
        "protection_rules": rules,
        "deployment_branch_policy": environment.get("deployment_branch_policy"),
    }


main()
