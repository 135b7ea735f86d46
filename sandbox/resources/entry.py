"""What an entry is: how a resource of the program becomes calls to AWS, and their answers outputs.

An entry is data. Every string in it is an expression, in one of two forms:

- JMESPath over what is known: `in` (the inputs, with the name given where there was none), `out`
  (the answer of the first call), the answers that later calls keep, `id`, `account`, `region`,
  `partition` and, in a call made for each of a list, `item`. So `in.vpcId`, or `'text'`.
- Text with `${...}` around each expression: `arn:${partition}:s3:::${in.bucket}`.

What an expression does not find is left out of a call's parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

from sandbox.resources.expressions import Template, list_template_inputs

EntryExpression: TypeAlias = str
EntryInputs: TypeAlias = dict[str, Any]

REMAINING_INPUTS: Final = "*"
# Inputs of many types that say where or how to delete, not what to make.
_GENERAL_INPUTS: Final = frozenset({"region", "tagsAll", "forceDestroy", "forceDelete"})


@dataclass(frozen=True)
class EntryCall:
    """One call to AWS.

    `params` are written out; the inputs named in `fit` are translated by the operation's own
    model (`fitting.fit`), into the member `into` of its parameters or else its top level, and
    `rename` says what AWS calls an input that it names differently, at any depth.
    `fit=REST` takes every input that nothing else of the entry takes.
    """

    operation: str  # like ec2.create_vpc, as boto3 spells it
    params: Template = field(default_factory=dict)
    inputs: tuple[str, ...] | str = ()
    params_member: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    condition: EntryExpression | None = None  # made only where this is found and not false
    item_source: EntryExpression | None = None  # made once for each `item` of this list
    result_name: str | None = None  # name under which the answer is known afterwards

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.operation.partition(".")[2].startswith(("describe_", "get_", "list_"))


@dataclass(frozen=True)
class PhysicalNaming:
    """Where a resource's name goes, and what it may be; Pulumi and the provider make one up.

    Without `name` it is the logical name and seven random characters, with `prefix` it is that
    input and 26 (terraform-plugin-sdk, resource.PrefixedUniqueId).
    """

    name: str = "name"
    prefix: str | None = "namePrefix"
    max_length: int = 255
    suffix: str = ""


@dataclass(frozen=True)
class ResourceEntry:
    """How one type is made in AWS. The first call creates; `then` are the calls after it. An
    input that neither a call nor `left` speaks of is an error, never a silent loss.

    `shown` finds the answer's description of the resource: its plain members become outputs
    under Pulumi's spelling. `outputs` are those that need more. What is not made by a call to AWS,
    like a random password, is made by a function of what is known. `left` are inputs that no call
    takes, each with the reason. `prepare` turns the inputs into what AWS's shapes can take.
    `find` is the call that describes the resource, and what must be in its answer.
    """

    create: EntryCall | str | Callable[[Mapping[str, Any]], Any]
    id: EntryExpression
    later_calls: tuple[EntryCall, ...] = ()
    description: EntryExpression | None = None
    outputs: Mapping[str, Template] = field(default_factory=dict)
    naming: PhysicalNaming | None = None
    tag_resource_type: str | None = None  # resource type in EC2's TagSpecifications
    ignored_inputs: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[EntryInputs], EntryInputs] | None = None
    find_call: EntryCall | None = None
    find_result: EntryExpression | None = None
    waiter: str | None = None  # like rds.db_instance_available, a waiter of boto3
    waiter_params: Template = field(default_factory=dict)

    @cached_property
    def create_step(self) -> EntryCall | Callable[[Mapping[str, Any]], Any]:
        """What creates; a bare operation takes all inputs that nothing else takes."""
        return (
            EntryCall(self.create, inputs=REMAINING_INPUTS)
            if isinstance(self.create, str)
            else self.create
        )

    @cached_property
    def used_inputs(self) -> frozenset[str]:
        """The inputs that calls speak of or that are left, and so are not among the rest.

        A later call that only reads takes nothing to AWS.
        """
        writing_calls = [call for call in self.later_calls if not call.is_read]
        calls = (
            [self.create_step, *writing_calls]
            if isinstance(self.create_step, EntryCall)
            else writing_calls
        )
        template_inputs = (
            list_template_inputs(
                [used_call.params, used_call.condition or "", used_call.item_source or ""]
            )
            for used_call in calls
        )
        call_inputs = (
            frozenset(used_call.inputs)
            for used_call in calls
            if used_call.inputs != REMAINING_INPUTS
        )
        return frozenset().union(
            _GENERAL_INPUTS, self.ignored_inputs, *template_inputs, *call_inputs
        )

    @cached_property
    def uses_remaining_inputs(self) -> bool:
        """Whether a call takes what nothing else takes; else such an input is an error."""
        return (
            isinstance(self.create_step, EntryCall) and self.create_step.inputs == REMAINING_INPUTS
        )


@dataclass(frozen=True)
class EntryChoice:
    """Entries of one type, by the input that makes it another thing to create."""

    by_input: Mapping[str, ResourceEntry]
    default_entry: ResourceEntry

    def select_entry(self, inputs: Mapping[str, Any]) -> ResourceEntry:
        """The entry for these inputs."""
        matching_entries = (
            input_entry
            for name, input_entry in self.by_input.items()
            if inputs.get(name) is not None
        )
        return next(matching_entries, self.default_entry)


EntryTable: TypeAlias = dict[str, ResourceEntry | EntryChoice]
