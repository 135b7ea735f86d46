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

from sandbox.resources.expressions import Template, inputs_of

Expression: TypeAlias = str
Inputs: TypeAlias = dict[str, Any]

REST: Final = "*"
# Inputs of many types that say where or how to delete, not what to make.
_EVERYWHERE: Final = frozenset({"region", "tagsAll", "forceDestroy", "forceDelete"})


@dataclass(frozen=True)
class Call:
    """One call to AWS.

    `params` are written out; the inputs named in `fit` are translated by the operation's own
    model (`fitting.fit`), into the member `into` of its parameters or else its top level, and
    `rename` says what AWS calls an input that it names differently, at any depth.
    `fit=REST` takes every input that nothing else of the entry takes.
    """

    operation: str  # like ec2.create_vpc, as boto3 spells it
    params: Template = field(default_factory=dict)
    fit: tuple[str, ...] | str = ()
    into: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    when: Expression | None = None  # made only where this is found and not false
    each: Expression | None = None  # made once for each `item` of this list
    keep: str | None = None  # name under which the answer is known afterwards

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.operation.partition(".")[2].startswith(("describe_", "get_", "list_"))


@dataclass(frozen=True)
class Naming:
    """Where a resource's name goes, and what it may be; Pulumi and the provider make one up.

    Without `name` it is the logical name and seven random characters, with `prefix` it is that
    input and 26 (terraform-plugin-sdk, resource.PrefixedUniqueId).
    """

    name: str = "name"
    prefix: str | None = "namePrefix"
    limit: int = 255
    ending: str = ""


@dataclass(frozen=True)
class Entry:
    """How one type is made in AWS. The first call creates; `then` are the calls after it. An
    input that neither a call nor `left` speaks of is an error, never a silent loss.

    `shown` finds the answer's description of the resource: its plain members become outputs
    under Pulumi's spelling. `outputs` are those that need more. What is not made by a call to AWS,
    like a random password, is made by a function of what is known. `left` are inputs that no call
    takes, each with the reason. `prepare` turns the inputs into what AWS's shapes can take.
    `find` is the call that describes the resource, and what must be in its answer.
    """

    create: Call | str | Callable[[Mapping[str, Any]], Any]
    id: Expression
    then: tuple[Call, ...] = ()
    shown: Expression | None = None
    outputs: Mapping[str, Template] = field(default_factory=dict)
    naming: Naming | None = None
    tagged: str | None = None  # resource type in EC2's TagSpecifications
    left: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Inputs], Inputs] | None = None
    find: Call | None = None
    found: Expression | None = None
    wait: str | None = None  # like rds.db_instance_available, a waiter of boto3
    wait_for: Template = field(default_factory=dict)

    @cached_property
    def first(self) -> Call | Callable[[Mapping[str, Any]], Any]:
        """What creates; a bare operation takes all inputs that nothing else takes."""
        return Call(self.create, fit=REST) if isinstance(self.create, str) else self.create

    @cached_property
    def taken(self) -> frozenset[str]:
        """The inputs that calls speak of or that are left, and so are not among the rest.

        A later call that only reads takes nothing to AWS.
        """
        later = [call for call in self.then if not call.reads]
        calls = [self.first, *later] if isinstance(self.first, Call) else later
        said = (inputs_of([c.params, c.when or "", c.each or ""]) for c in calls)
        fits = (frozenset(c.fit) for c in calls if c.fit != REST)
        return frozenset().union(_EVERYWHERE, self.left, *said, *fits)

    @cached_property
    def takes_rest(self) -> bool:
        """Whether a call takes what nothing else takes; else such an input is an error."""
        return isinstance(self.first, Call) and self.first.fit == REST


@dataclass(frozen=True)
class Choice:
    """Entries of one type, by the input that makes it another thing to create."""

    by_input: Mapping[str, Entry]
    otherwise: Entry

    def of(self, inputs: Mapping[str, Any]) -> Entry:
        """The entry for these inputs."""
        chosen = (e for name, e in self.by_input.items() if inputs.get(name) is not None)
        return next(chosen, self.otherwise)


Entries: TypeAlias = dict[str, Entry | Choice]
