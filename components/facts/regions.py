"""Names of AWS regions."""

import re
from typing import Final

# The partition aws alone: this program's policies, endpoints and prices are written for it.
# Source: AWS General Reference, "AWS Regions": the areas and directions that names are made of.
REGION_PATTERN: Final = re.compile(
    r"(af|ap|ca|eu|il|me|mx|sa|us)"
    r"-(central|east|north|northeast|northwest|south|southeast|southwest|west)-\d"
)
