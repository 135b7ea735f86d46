"""Serves the policy pack to Pulumi's engine, of the stack that the engine deploys.

The engine starts a pack by the language's plugin with its own environment alone, without a stack
and its config, and tells them by ConfigureStack before it asks for the pack's policies
(NewPolicyAnalyzer in pulumi/pulumi, sdk/go/common/resource/plugin/analyzer_plugin.go). Of that
call pulumi-policy keeps the tags alone, so its servicer is extended here; what it does else is
pulumi-policy's.
"""

import sys
from concurrent import futures
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
import pulumi_policy.policy as pulumi_policy_module
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _GRPC_CHANNEL_OPTIONS, _PolicyAnalyzerServicer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Pulumi starts the pack in its folder

from components.settings import SettingsError
from policy.pack import StackPolicyPack, build_stack_policy_pack
from policy.pulumi_policies import PulumiPolicies

PACK_NAME: Final = "bulwark"
# Pulumi's protocol, as pulumi-policy has it.
PROTOCOL: Final[Any] = vars(pulumi_policy_module)["analyzer_pb2_grpc"]
PACK_VERSION: Final = "0.0.1"  # Pulumi takes the version of PulumiPolicy.yaml


class StackPolicyServicer(_PolicyAnalyzerServicer):
    """pulumi-policy's servicer, which judges by the settings of the stack that Pulumi names."""

    def __init__(self, policies: PulumiPolicies) -> None:
        super().__init__(PACK_NAME, PACK_VERSION, policies.policies, EnforcementLevel.MANDATORY)
        self._policies = policies

    def ConfigureStack(  # noqa: N802 - the name in Pulumi's protocol
        self, request: Any, context: Any
    ) -> Any:
        """Takes the stack and its config. Pulumi prints the error of bad settings and ends."""
        try:
            pack = build_stack_policy_pack(
                request.project,
                request.stack,
                dict(request.config),
                frozenset(request.config_secret_keys),
                datetime.now(UTC).date(),
            )
        except SettingsError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        self._policies.use_pack(pack)
        return super().ConfigureStack(request, context)


def serve_policy_pack() -> None:
    """Serves the pack until Pulumi ends the process, and prints its port first."""
    policies = PulumiPolicies(StackPolicyPack(datetime.now(UTC).date()))
    build_server: Any = grpc.server  # grpc has no types
    server = build_server(futures.ThreadPoolExecutor(max_workers=4), options=_GRPC_CHANNEL_OPTIONS)
    PROTOCOL.add_AnalyzerServicer_to_server(StackPolicyServicer(policies), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    serve_policy_pack()
