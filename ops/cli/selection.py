"""Which stack a command is about: its outputs, from a file, from Pulumi or from Parameter Store."""

import json
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.cli.options import Source
from ops.core.aws import Aws
from ops.core.errors import OpsError, UsageError
from ops.outputs import Outputs, OutputsError, join, outputs_path, read


@dataclass(frozen=True)
class Selection:
    """What the options and the environment say. None is not said."""

    stack: str | None = None
    project: str = "bulwark"
    profile: str | None = None
    region: str | None = None
    outputs: Path | None = None
    source: Source | None = None

    def load(self) -> Outputs:
        """The outputs of the stack. Raises UsageError where they cannot be had.

        Where no source is named: the file if there is one, Parameter Store if a region is known,
        else Pulumi.
        """
        source = self.source or ("file" if self.outputs else "ssm" if self.region else "pulumi")
        try:
            return {"file": self._file, "ssm": self._ssm, "pulumi": self._pulumi}[source]()
        except OutputsError as error:
            raise UsageError(str(error)) from None

    def aws(self, outputs: Outputs, apis: Collection[str] = ()) -> Aws:
        """AWS in the region asked for, else the stack's own; for these calls or for all.

        Raises UsageError for a region that the stack is not in, where all would seem to be gone.
        """
        regions = [r for r in (outputs.stack.region, outputs.stack.recovery_region) if r]
        if self.region is not None and self.region not in regions:
            raise UsageError(
                f"--region is {self.region!r}, may be {' or '.join(map(repr, regions))}"
            )
        return Aws(self.region or outputs.stack.region, self.profile, apis)

    def _named(self) -> str:
        if self.stack is None:
            raise UsageError(
                "--stack is not set, may be the name of a stack (or set BULWARK_STACK)"
            )
        return self.stack

    def _file(self) -> Outputs:
        if self.outputs is None:
            raise UsageError("--outputs is not set, may be a file of `pulumi stack output --json`")
        try:
            found = json.loads(self.outputs.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"--outputs is {str(self.outputs)!r}, {error.strerror}") from None
        except ValueError as error:
            raise UsageError(
                f"--outputs is {str(self.outputs)!r}, which is no JSON: {error}"
            ) from None
        if not isinstance(found, Mapping):
            raise UsageError(f"--outputs is {str(self.outputs)!r}, may be a file with an object")
        outputs = read(found)
        if self.stack not in (None, outputs.stack.stack):
            raise UsageError(
                f"--stack is {self.stack!r}, the outputs are of {outputs.stack.stack!r}"
            )
        return outputs

    def _ssm(self) -> Outputs:
        if self.region is None:
            raise UsageError("--region is not set, may be the stack's or its recovery region")
        path = outputs_path(self.project, self._named())
        found: dict[str, Any] = {
            item["Name"].removeprefix(f"{path}/"): item["Value"]
            for item in Aws(self.region, self.profile).pages(
                "ssm.get_parameters_by_path", "Parameters", {"Path": path, "Recursive": True}
            )
        }
        if not found:
            raise UsageError(
                f"--stack is {self.stack!r}, there are no outputs at {path} in {self.region}"
            )
        return join(found)

    def _pulumi(self) -> Outputs:
        stack = self._named()
        if shutil.which("pulumi") is None:
            raise UsageError(
                "there is no `pulumi` on the PATH; set --region to read the outputs from "
                "Parameter Store, or --outputs to read them from a file"
            )
        done = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", stack],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OpsError(f"pulumi stack output failed: {done.stderr.strip()[-500:]}")
        return read(json.loads(done.stdout))
