"""What shared options may be. Apart from what uses them, so that the help page is quick."""

from typing import Literal

Format = Literal["table", "json"]
Source = Literal["file", "ssm", "pulumi"]
