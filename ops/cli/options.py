"""Values of the shared options, in a module that imports fast."""

from typing import Literal

OutputFormat = Literal["table", "json"]
OutputsSource = Literal["file", "ssm", "pulumi"]
