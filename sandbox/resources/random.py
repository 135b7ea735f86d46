"""What the program makes up: the same for the same resource, so that two runs are alike."""

import hashlib
import string
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.resources.entry import Entries, Entry

_MARKS = "!@#$%&*()-_=+[]{}<>:?"  # the provider's own, hashicorp/random


_ASKED = (
    "length",
    "lower",
    "minLower",
    "minNumeric",
    "minSpecial",
    "minUpper",
    "numeric",
    "overrideSpecial",
    "special",
    "upper",
)


def _password(known: Mapping[str, Any]) -> dict[str, str]:
    """Of the length and of the kinds of character that were asked for."""
    inputs = known["in"]
    kinds = {
        "upper": string.ascii_uppercase,
        "lower": string.ascii_lowercase,
        "numeric": string.digits,
        "special": inputs.get("overrideSpecial") or _MARKS,
    }
    chosen = {kind: chars for kind, chars in kinds.items() if inputs.get(kind, True)}
    draw = _draw(known["seed"])
    least = [
        chars[next(draw) % len(chars)]
        for kind, chars in chosen.items()
        for _ in range(inputs.get(f"min{kind.title()}") or 0)
    ]
    every = "".join(chosen.values())
    rest = [every[next(draw) % len(every)] for _ in range(inputs["length"] - len(least))]
    return {"result": "".join(least + rest)}


def _draw(seed: str) -> Iterator[int]:
    number = 0
    while True:
        digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
        yield from (int.from_bytes(digest[i : i + 4], "big") for i in range(0, 32, 4))
        number += 1


ENTRIES: Entries = {
    "random:index/randomPassword:RandomPassword": Entry(
        _password,
        id="'none'",
        outputs={"result": "out.result"},
        left=dict.fromkeys(_ASKED, "the function sees to it"),
    ),
}
