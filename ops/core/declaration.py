"""What a command declares beside its function. Pure data: the stack's roles are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Role = Literal["reader", "operator", "recoverer"]
# Each may do what the one before may.
ROLES: Final[tuple[Role, ...]] = ("reader", "operator", "recoverer")
ROLE_PURPOSES: Final[Mapping[Role, str]] = {
    "reader": "looks: every command that changes nothing",
    "operator": "changes whatever can be changed back or made again",
    "recoverer": "restores, and deletes for good",
}


@dataclass(frozen=True)
class Declaration:
    """One command: who may run it, what it calls, how it is typed, which input it refuses.

    `command` is typed behind `ops`; an option that makes it change something, like
    `db parameters --set`, has a declaration of its own. `role` is the least that may run it, None
    if it calls nothing of a stack. `calls` are all AWS calls beside those that read the stack's
    outputs, in boto3's spelling; `unseen` those that no test can make, with the reason.

    `needs` is what must be typed so that the command gets as far as its checks; `example` is a
    whole line (else the command with `needs`). `bad` has wrong values of each option or argument
    that has values to refuse, beside numbers and choices; `never_bad` says why another has none,
    and `judged_by_aws` what must be read before a value can be refused. In values, `{image}`,
    `{run}` and the like stand for what a test's stack has.

    `plans` is set if the calls do not tell whether the command carries out a plan of its own: a
    plan's journal is written with `s3.put_object`, but so are some other records.
    """

    command: str
    role: Role | None
    calls: tuple[str, ...] = ()
    unseen: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    bad: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    never_bad: Mapping[str, str] = field(default_factory=dict)
    judged_by_aws: Mapping[str, str] = field(default_factory=dict)
    example: str = ""
    plans: bool | None = None

    @property
    def has_plan(self) -> bool:
        """True if the command carries out a plan of its own kind."""
        return "s3.put_object" in self.calls if self.plans is None else self.plans

    @property
    def line(self) -> str:
        """A line as it is typed."""
        if self.example:
            return f"ops {self.example}"
        options = [f"{name} {value}" for name, value in self.needs.items() if name.startswith("-")]
        arguments = [value for name, value in self.needs.items() if not name.startswith("-")]
        return " ".join(["ops", self.command, *options, *arguments])


# The same option is checked alike by every command that has it.
SHARED_BAD: Final[Mapping[str, tuple[str, ...]]] = {
    "--checkpoint": ("some", "50,20", "0,50", "50,", "101"),
    "--expect": ("nonsense", "0123456789abcde", "0123456789ABCDEF"),
    "--heartbeat": ("nonsense", "a.b.c.d", "t.c;drop"),
    "--name": ("Non_sense", "a--b"),
    "--only": ("nonsense",),
    "--program": ("/no/such/folder",),
    "--replica": ("nonsense",),
    "--restored-via": ("nonsense",),
    "--service": ("nonsense",),
    "--since": ("soon", "2w", "2999-01-01"),
    "--until": ("soon", "25:00", "2999-01-01"),
    "--watch": ("soon", "0", "2h"),
    "--url": ("ftp://example.com", "example.com"),
    "--via": ("nonsense",),
    "RUN": ("nonsense", "../lock"),
}
SHARED_NEVER_BAD: Final[Mapping[str, str]] = {"--reason": "a person's words"}
SHARED_JUDGED_BY_AWS: Final[Mapping[str, str]] = {
    "--name": "what it is restored from is looked at first",
    "RUN": "whether there is such a run is in the bucket",
}
