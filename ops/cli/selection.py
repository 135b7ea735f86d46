"""Selects the stack and reads its outputs from a file, Pulumi or Parameter Store."""

import json
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.cli.options import OutputsSource
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.core.stack_scope import list_stack_regions
from ops.outputs import Outputs, OutputsError, build_outputs_path, join_parts, parse_outputs

DEFAULT_PROJECT: Final = "bulwark"
PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
# The name in a project file, in YAML or JSON: a line of its own, not indented in YAML.
PROJECT_NAME_PATTERN: Final = re.compile(
    r"""^(?:name|\s*["']name["'])\s*:\s*["']?([A-Za-z0-9_.-]{1,100})["']?\s*,?\s*(?:\#.*)?$""",
    re.MULTILINE,
)


def find_project_name(folder: Path) -> str | None:
    """Returns the name of the Pulumi project that a folder is in, or None if it is in none."""
    for parent in (folder, *folder.parents):
        for file in (parent / name for name in PROJECT_FILES):
            try:
                text = file.read_text(encoding="utf-8")
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            name_match = PROJECT_NAME_PATTERN.search(text)
            if name_match is None:
                raise UsageError(f"--project is not set, and {file} has no name of a project")
            return name_match[1]
    return None


def require_program_of_project(folder: Path, project: str) -> None:
    """Raises UsageError unless a folder's program is of a stack's project.

    Another project has another namespace: its program would ignore the stack's settings.
    """
    name = find_project_name(folder)
    if name != project:
        raise UsageError(
            f"--program must be the folder of the project {project!r}, which the stack is of; "
            f"{str(folder)!r} is of {name!r}"
        )


@dataclass(frozen=True)
class Selection:
    """The shared options. None means not set.

    `requires_account` is set if the stack is one of several: its account may be another one's.
    """

    stack: str | None = None
    project: str | None = None
    profile: str | None = None
    region: str | None = None
    outputs: Path | None = None
    source: OutputsSource | None = None
    requires_account: bool = False

    def check_account(self, outputs: Outputs) -> None:
        """Raises UsageError if it must be checked whose credentials these are, and it is not."""
        if not self.requires_account:
            return
        stack = outputs.stack
        account = self.build_aws(outputs, ("sts.get_caller_identity",)).get_account()
        if account != stack.account:
            raise UsageError(
                f"the credentials are of account {account}, {stack.stack} is in {stack.account}: "
                f"name a profile of it by `pulumi config set aws:profile PROFILE -s {stack.stack}`"
            )

    def load_outputs(self) -> Outputs:
        """Loads the stack's outputs from --source.

        Default: the file if --outputs is set, Parameter Store if a region is set, else Pulumi.
        Raises UsageError if they cannot be read.
        """
        source = self.source or ("file" if self.outputs else "ssm" if self.region else "pulumi")
        try:
            return {
                "file": self._load_from_file,
                "ssm": self._load_from_ssm,
                "pulumi": self._load_from_pulumi,
            }[source]()
        except OutputsError as error:
            raise UsageError(str(error)) from None

    def build_aws(self, outputs: Outputs, apis: Collection[str] = ()) -> Aws:
        """Builds the AWS client in the stack's own region, for these calls or for all.

        --region says where the outputs are read from and the account is asked for, so that both
        work if the stack's region does not. Calls about the stack go to the stack's region: in the
        recovery region, every resource would seem to be missing. Raises UsageError unless --region
        is one of the two.
        """
        regions = list_stack_regions(outputs.stack)
        if self.region is not None and self.region not in regions:
            raise UsageError(
                f"--region must be {' or '.join(map(repr, regions))}, not {self.region!r}"
            )
        return Aws(outputs.stack.region, self.profile, apis, identity_region=self.region)

    def resolve_project(self, folder: Path | None = None) -> str:
        """Returns --project, else the name in Pulumi.yaml of the folder, else `bulwark`.

        The folder is the working directory or one above it, as for Pulumi itself. Raises UsageError
        if Pulumi.yaml has no name.
        """
        if self.project is not None:
            return self.project
        return find_project_name((folder or Path()).absolute()) or DEFAULT_PROJECT

    def _format_project_advice(self) -> str:
        """Returns what to do if the project is only assumed, else nothing."""
        if self.project is not None or find_project_name(Path().absolute()):
            return ""
        return (
            f"; --project is not set and no Pulumi.yaml is here, so {DEFAULT_PROJECT!r} was "
            "assumed: give the name in Pulumi.yaml, or set BULWARK_PROJECT"
        )

    def _get_stack_name(self) -> str:
        if self.stack is None:
            raise UsageError("--stack is not set; give the stack's name, or set BULWARK_STACK")
        return self.stack

    def _load_from_file(self) -> Outputs:
        if self.outputs is None:
            raise UsageError(
                "--outputs is not set; give a file with the output of `pulumi stack output --json`"
            )
        try:
            document = json.loads(self.outputs.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(
                f"--outputs must be a file that can be read, not "
                f"{str(self.outputs)!r}: {error.strerror}"
            ) from None
        except ValueError as error:
            raise UsageError(
                f"--outputs is {str(self.outputs)!r}, which is not JSON: {error}"
            ) from None
        if not isinstance(document, Mapping):
            raise UsageError(f"--outputs is {str(self.outputs)!r}, which must hold a JSON object")
        outputs = parse_outputs(document)
        if self.stack not in (None, outputs.stack.stack):
            raise UsageError(
                f"--stack is {self.stack!r}, but the outputs are of {outputs.stack.stack!r}"
            )
        return outputs

    def _load_from_ssm(self) -> Outputs:
        if self.region is None:
            raise UsageError("--region is not set; give the stack's or its recovery region")
        path = build_outputs_path(self.resolve_project(), self._get_stack_name())
        parameters: dict[str, Any] = {
            item["Name"].removeprefix(f"{path}/"): item["Value"]
            for item in Aws(self.region, self.profile).list_items(
                "ssm.get_parameters_by_path", "Parameters", {"Path": path, "Recursive": True}
            )
        }
        if not parameters:
            raise UsageError(
                f"--stack is {self.stack!r}, but {self.region} has no outputs at {path}"
                f"{self._format_project_advice()}"
            )
        return join_parts(parameters)

    def _load_from_pulumi(self) -> Outputs:
        stack = self._get_stack_name()
        if shutil.which("pulumi") is None:
            raise UsageError(
                "pulumi is not on the PATH; set --region to read the outputs from Parameter Store, "
                "or --outputs to read them from a file"
            )
        process = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", stack],
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            raise OpsError(f"pulumi stack output failed: {process.stderr.strip()[-500:]}")
        return parse_outputs(json.loads(process.stdout))
