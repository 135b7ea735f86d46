"""Performance Insights: a service that moto lacks altogether."""

import re
import sys

from moto import backend_index

import sandbox.patches.performance_insights
from sandbox.patches.patching import ServicePatch

patch = ServicePatch()


@patch.add_change
def add_service() -> None:
    """Makes moto find it where it finds its own: by a module, and by the hosts of the service."""
    sys.modules["moto.pi"] = sandbox.patches.performance_insights
    pattern = re.compile(r"https?://pi\.(.+)\.amazonaws\.com")
    backend_index.backend_url_patterns.append(("pi", pattern))
