"""What a client saw while the stack was operated on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClientObservation:
    """What came of a client's requests, in simulated seconds.

    `gap` is the longest time between two answers. `lost` are writes that were acknowledged and
    are not there afterwards; a client that only asks has none.
    """

    client: str
    sent: int
    answered: int
    errors: int
    longest_gap: float
    lost_rows: int = 0

    def line(self) -> str:
        """For a person."""
        lost_text = f", {self.lost_rows} acknowledged rows lost" if self.client == "writer" else ""
        return (
            f"{self.client}: {self.answered} of {self.sent} answered, {self.errors} errors, "
            f"at most {self.longest_gap:.0f} s without an answer{lost_text}"
        )
