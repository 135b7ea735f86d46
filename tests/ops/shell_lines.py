"""Command lines of more than one call, as a shell would run them: `name=$(aws ...) && aws ...`.

Of a shell they are given assignments, `&&`, `"$name"`, and a `grep -qF` of a variable that must
fail; the ids of `pulumi stack --show-ids` are those that a test says.
"""

import re
import shlex
from collections.abc import Sequence
from typing import Any

import jmespath

from tests.ops.aws_lines import BuildClient, run_aws_line


def run_shell_line(
    build_client: BuildClient, line: str, region: str, pulumi_ids: Sequence[str] = ()
) -> bool:
    """Runs a line; False if a guard stopped it. Raises AssertionError for what is no such line."""
    variables: dict[str, str] = {}
    for part in line.split(" && "):
        if match := re.fullmatch(r"(\w+)=\$\((.+)\)", part):
            variables[match[1]] = _run_output(build_client, match[2], region, pulumi_ids)
        elif part.startswith("! grep -qF "):
            match = re.fullmatch(r'! grep -qF (\S+) <<<"\$(\w+)"', part)
            assert match, part
            if shlex.split(match[1])[0] in variables[match[2]]:
                return False
        else:
            text = re.sub(r'"\$(\w+)"', lambda m: shlex.quote(variables[m[1]]), part)
            _run_part(build_client, text, region)
    return True


def _run_output(
    build_client: BuildClient, text: str, region: str, pulumi_ids: Sequence[str]
) -> str:
    if text.startswith("pulumi stack "):
        assert "--show-ids" in text, text
        return "\n".join(pulumi_ids)
    match = re.fullmatch(r"(.+) --query (\S+) --output text", text)
    assert match, text
    return str(jmespath.search(match[2], run_aws_line(build_client, match[1], region)))


def _run_part(build_client: BuildClient, text: str, region: str) -> None:
    words = shlex.split(text)
    if words[2] != "wait":
        run_aws_line(build_client, text, region)
        return
    _, service, _, waiter, _, where, option, value = words
    client: Any = build_client(service, where)
    parameter = "".join(word.capitalize() for word in option.removeprefix("--").split("-"))
    client.get_waiter(waiter.replace("-", "_")).wait(**{parameter: [value]})
