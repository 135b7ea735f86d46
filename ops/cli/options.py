"""What shared options may be. Apart from what uses them, so that the help page is quick."""

from typing import Literal

OutputFormat = Literal["table", "json"]
OutputsSource = Literal["file", "ssm", "pulumi"]
