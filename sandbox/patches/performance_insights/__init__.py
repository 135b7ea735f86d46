"""Performance Insights, which moto lacks: what sessions of the real servers do when it is asked."""

from sandbox.patches.performance_insights.models import pi_backends as pi_backends
