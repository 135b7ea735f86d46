"""Faults that begin at one call of a run: the run is carried out once, and forked at these calls.

Nothing that lies before a fault is run again for the next one; see also matrices.py.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ops.core.aws import is_read_call
from sandbox.faults import (
    AwsRequest,
    DeniedFault,
    LostAnswerFault,
    RawReply,
    RequestHandler,
    ThrottlingFault,
    matches_api,
)

BeginningFault: TypeAlias = ThrottlingFault | DeniedFault | LostAnswerFault
# The faults that begin at a request; each is carried out in a copy of the process.
ListFaults: TypeAlias = Callable[[AwsRequest], Iterator[BeginningFault]]


@dataclass
class ForkedFault:
    """In each copy of the process one fault from one call on; in the process itself none."""

    copy_process: Callable[[], bool]
    list_faults: ListFaults
    active_fault: BeginningFault | None = None

    def __call__(self, aws_request: AwsRequest, next_handler: RequestHandler) -> RawReply:
        """Copies the process for each fault that begins at this call."""
        if self.active_fault is None:
            for fault in self.list_faults(aws_request):
                if self.copy_process():
                    self.active_fault = fault
                    break
        if self.active_fault is None:
            return next_handler(aws_request)
        return self.active_fault(aws_request, next_handler)


@dataclass
class FaultOfEachOperation:
    """The fault of each operation, from the operation's first call on."""

    operations: tuple[str, ...]
    build_fault: Callable[[str], BeginningFault]

    def __post_init__(self) -> None:
        self.uncalled_operations = list(self.operations)

    def __call__(self, aws_request: AwsRequest) -> Iterator[BeginningFault]:
        called = [api for api in self.uncalled_operations if matches_api((api,), aws_request)]
        for api in called:
            self.uncalled_operations.remove(api)
            yield self.build_fault(api)


@dataclass
class FaultFromEachCall:
    """A fault of all operations from each of their calls on.

    Of the equal reads between two changes, which are the polls of a wait, it begins at the first
    two and at the fourth, the eighth and so on: they differ in nothing but the time that passed.
    """

    operations: tuple[str, ...]
    build_fault: Callable[[tuple[str, ...]], BeginningFault]
    read_counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, aws_request: AwsRequest) -> Iterator[BeginningFault]:
        if not matches_api(self.operations, aws_request):
            return
        if not is_read_call(aws_request.api):
            self.read_counts.clear()
        else:
            self.read_counts[aws_request.key] += 1
            count = self.read_counts[aws_request.key]
            if count & (count - 1):  # not a power of two
                return
        yield self.build_fault(self.operations)


@dataclass
class LostAnswers:
    """The answer that is lost, of each of the first calls of each operation."""

    operations: tuple[str, ...]
    calls: int
    call_counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, aws_request: AwsRequest) -> Iterator[LostAnswerFault]:
        for api in self.operations:
            if matches_api((api,), aws_request) and self.call_counts[api] < self.calls:
                self.call_counts[api] += 1
                yield LostAnswerFault((api,))
