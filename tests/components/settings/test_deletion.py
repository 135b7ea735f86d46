"""What a deletion takes with it is asked for by name."""

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from components.settings.deletion import ENCRYPTED_KINDS
from tests.world import build_settings


@pytest.mark.parametrize("profile", ["prod", "dev"])
def test_no_profile_discards_databases_backups_or_keys(profile: str) -> None:
    settings = build_settings(profile=profile)
    assert not {"database", "automatedBackups", "recoveryPoints", "keys"} & {
        *settings.deletion.discard
    }


def test_protection_and_destruction_are_two_decisions() -> None:
    assert build_settings({"protect": False}).deletion == build_settings().deletion


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["logs", "logs"], "deletion.discard is .*, must name 'logs' only once"),
        (["everything"], "deletion.discard.0 is 'everything', must be"),
        (
            ["keys", *ENCRYPTED_KINDS[1:]],
            "must not hold 'keys' without 'database': what stays is encrypted with them",
        ),
    ],
)
def test_an_impossible_discard_list_is_refused(kinds: list[JsonValue], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build_settings({"deletion": {"discard": kinds}})


def test_keys_may_be_discarded_with_everything_they_encrypt() -> None:
    settings = build_settings({"deletion": {"discard": [*ENCRYPTED_KINDS, "keys"]}})
    assert settings.is_discarded("keys")
