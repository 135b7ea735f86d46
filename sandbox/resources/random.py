"""What the program makes up: the same for the same resource, so that two runs are alike."""

import base64
import hashlib
import string
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.resources.entry import EntryTable, ResourceEntry

_SPECIAL_CHARACTERS = "!@#$%&*()-_=+[]{}<>:?"  # the provider's own, hashicorp/random


_PASSWORD_INPUTS = (
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


def _generate_password(variables: Mapping[str, Any]) -> dict[str, str]:
    """Of the length and of the kinds of character that were asked for."""
    inputs = variables["in"]
    characters_by_kind = {
        "upper": string.ascii_uppercase,
        "lower": string.ascii_lowercase,
        "numeric": string.digits,
        "special": inputs.get("overrideSpecial") or _SPECIAL_CHARACTERS,
    }
    used_kinds = {
        kind: characters
        for kind, characters in characters_by_kind.items()
        if inputs.get(kind, True)
    }
    numbers = _generate_numbers(variables["seed"])
    required_characters = [
        characters[next(numbers) % len(characters)]
        for kind, characters in used_kinds.items()
        for _ in range(inputs.get(f"min{kind.title()}") or 0)
    ]
    all_characters = "".join(used_kinds.values())
    other_characters = [
        all_characters[next(numbers) % len(all_characters)]
        for _ in range(inputs["length"] - len(required_characters))
    ]
    return {"result": "".join(required_characters + other_characters)}


def _generate_numbers(seed: str) -> Iterator[int]:
    number = 0
    while True:
        digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
        yield from (
            int.from_bytes(digest[offset : offset + 4], "big") for offset in range(0, 32, 4)
        )
        number += 1


def _generate_id(variables: Mapping[str, Any]) -> dict[str, str]:
    """As many bytes as were asked for, in each spelling of the provider."""
    numbers = _generate_numbers(variables["seed"])
    length = variables["in"]["byteLength"]
    number_bytes = bytes(next(numbers) % 256 for _ in range(length))
    return {
        "hex": number_bytes.hex(),
        "dec": str(int.from_bytes(number_bytes, "big")),
        "b64Std": base64.b64encode(number_bytes).decode(),
        "b64Url": base64.urlsafe_b64encode(number_bytes).decode().rstrip("="),
    }


ENTRIES: EntryTable = {
    "random:index/randomId:RandomId": ResourceEntry(
        _generate_id,
        id="out.hex",
        outputs={name: f"out.{name}" for name in ("hex", "dec", "b64Std", "b64Url")},
        ignored_inputs={"byteLength": "the function sees to it"},
    ),
    "random:index/randomPassword:RandomPassword": ResourceEntry(
        _generate_password,
        id="'none'",
        outputs={"result": "out.result"},
        ignored_inputs=dict.fromkeys(_PASSWORD_INPUTS, "the function sees to it"),
    ),
}
