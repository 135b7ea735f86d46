"""Selects the stack and reads its outputs from a file, Pulumi or Parameter Store."""

import json
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.cli.options import OutputsSource
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.outputs import Outputs, OutputsError, build_outputs_path, join_parts, parse_outputs


@dataclass(frozen=True)
class Selection:
    """The shared options. None means not set."""

    stack: str | None = None
    project: str = "bulwark"
    profile: str | None = None
    region: str | None = None
    outputs: Path | None = None
    source: OutputsSource | None = None

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
        regions = [
            region for region in (outputs.stack.region, outputs.stack.recovery_region) if region
        ]
        if self.region is not None and self.region not in regions:
            raise UsageError(
                f"--region must be {' or '.join(map(repr, regions))}, not {self.region!r}"
            )
        return Aws(outputs.stack.region, self.profile, apis, identity_region=self.region)

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
            raise UsageError(f"--outputs is {str(self.outputs)!r}, {error.strerror}") from None
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
        path = build_outputs_path(self.project, self._get_stack_name())
        parameters: dict[str, Any] = {
            item["Name"].removeprefix(f"{path}/"): item["Value"]
            for item in Aws(self.region, self.profile).list_items(
                "ssm.get_parameters_by_path", "Parameters", {"Path": path, "Recursive": True}
            )
        }
        if not parameters:
            raise UsageError(
                f"--stack is {self.stack!r}, but {self.region} has no outputs at {path}"
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
