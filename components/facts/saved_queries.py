"""Facts of saved queries of CloudWatch Logs Insights."""

from typing import Final

from components.facts.model import ResourceFact

FACTS: Final = (
    ResourceFact(
        type="aws:cloudwatch/queryDefinition:QueryDefinition",
        harmless=("queryString", "logGroupNames"),
        service="logs",
    ),
)
