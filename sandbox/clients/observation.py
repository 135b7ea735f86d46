"""What a client observed while the stack was operated on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClientObservation:
    """The result of a client's requests, in simulated seconds.

    `longest_gap` is the longest time between two answers. `lost_rows` are writes that were
    acknowledged and are missing afterwards; a client that only reads has none.
    """

    client: str
    sent: int
    answered: int
    errors: int
    longest_gap: float
    lost_rows: int = 0

    def line(self) -> str:
        """One line for a person."""
        lost_text = f", {self.lost_rows} acknowledged rows lost" if self.client == "writer" else ""
        return (
            f"{self.client}: {self.answered} of {self.sent} answered, {self.errors} errors, "
            f"at most {self.longest_gap:.0f} s without an answer{lost_text}"
        )
