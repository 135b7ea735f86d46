"""The stack's outputs: the contract of ops/outputs.py, exported and stored in SSM."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions
from pydantic.alias_generators import to_camel

from components.account import Account
from components.component import Component
from components.contract import build_contract_part
from components.keys import Keys
from components.settings import Settings
from ops.outputs import Outputs, StackPart, build_outputs_path, divide_part

PartOutput: TypeAlias = Output[dict[str, Any]] | None
ALARM_NAMES_PER_SERVICE = 10  # about what the registry makes of each service
ALARM_NAMES_PER_PIECE = 40  # 40 names of up to 90 characters are within 4 KB


class ExportedComponent(Protocol):
    """A component that a part of the contract comes from."""

    @property
    def part(self) -> Output[dict[str, Any]]:
        """Its part, as `Outputs` has it."""


class PublishedOutputs(Component):
    """`bulwark:index:Published`: the copy of the outputs in SSM Parameter Store.

    Children: a parameter for each part, `{name}-{part}`, and `{name}-{part}-{label}` for what
    grows; the same again as `{name}-recovery-...` in the recovery region. An absent part is
    kept as null, so that a missing parameter is never taken for one.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        parts: Mapping[str, PartOutput],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("Published", name, settings=settings, opts=opts)
        self._path = build_outputs_path(settings.project, settings.stack)
        regions: dict[str | None, tuple[str, ...]] = {None: ()}
        if settings.recovery_region:
            regions[settings.recovery_region] = ("recovery",)
        for region, name_prefix in regions.items():
            for part, value in parts.items():
                self._create_parameters(part, value=value, region=region, name_prefix=name_prefix)
        self.register_outputs({"path": self._path})

    def _create_parameters(
        self, part: str, *, value: PartOutput, region: str | None, name_prefix: tuple[str, ...]
    ) -> None:
        labels = list_part_labels(self.settings, part) if value is not None else ()
        parameter_values = Output.from_input(value).apply(
            lambda part_value: divide_part(part, part_value, labels)
        )
        for path in (part, *(f"{part}/{label}" for label in labels)):
            aws.ssm.Parameter(
                self.format_logical_name(*name_prefix, *path.split("/")),
                name=f"{self._path}/{path}",
                type="String",
                value=parameter_values[path],
                # Standard, which costs nothing, up to 4 KB; advanced only for a part above.
                tier="Intelligent-Tiering",
                region=region,
                opts=self.child_options,
            )


def list_part_labels(settings: Settings, part: str) -> Sequence[str]:
    """The labels of a growing part's pieces, known before any output is."""
    services = tuple(settings.services) if settings.has_services else ()
    if part == "services":
        return services
    if part == "loadBalancer":
        return tuple(settings.target_patterns)
    if part == "alarms":
        name_count = ALARM_NAMES_PER_PIECE + ALARM_NAMES_PER_SERVICE * len(services)
        return tuple(str(index + 1) for index in range(-(-name_count // ALARM_NAMES_PER_PIECE)))
    return ()


def export_outputs(
    *, settings: Settings, account: Account, keys: Keys, **components: ExportedComponent | None
) -> None:
    """Exports the contract, and keeps a copy in SSM in both regions.

    `components` are those that each part of the contract comes from, by the part's name; None if
    the stack lacks it. Raises ValueError unless they are the parts of `Outputs`.
    """
    stack_part = build_contract_part(
        StackPart,
        project=settings.project,
        stack=settings.stack,
        profile=settings.profile,
        compute=settings.compute,
        protect=settings.protect,
        account=account.id,
        region=settings.region,
        recovery_region=settings.recovery_region,
        zones=settings.network.zones,
        data_key_arn=keys.data,
        logs_key_arn=keys.logs,
        recovery_key_arn=keys.recovery,
        log_error_pattern=settings.logs.error_pattern,
    )
    part_outputs: dict[str, PartOutput] = {
        "stack": stack_part,
        **{name: component.part if component else None for name, component in components.items()},
    }
    if mismatched_names := part_outputs.keys() ^ Outputs.model_fields.keys():
        raise ValueError(
            f"a component for each part of Outputs must be given, not {sorted(mismatched_names)}"
        )
    parts = {to_camel(name): part_outputs[name] for name in Outputs.model_fields}
    for name, part in parts.items():
        pulumi.export(name, part)
    PublishedOutputs("outputs", settings=settings, parts=parts)
