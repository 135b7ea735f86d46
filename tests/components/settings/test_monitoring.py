"""Settings of alarms: what is refused, and how it is said."""

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from tests.world import build_settings

TEAM_SUBSCRIPTION: JsonValue = {
    "name": "team",
    "level": "warn",
    "protocol": "email",
    "endpoint": "team@example.com",
}


@pytest.mark.parametrize(
    ("protocol", "endpoint", "reason"),
    [
        ("https", "http://x.test/t0k3n", "must be a URL that begins with https://"),
        ("email", "t0k3n.example.com", "must be an e-mail address"),
    ],
)
def test_a_wrong_endpoint_is_refused_without_being_repeated(
    protocol: str, endpoint: str, reason: str
) -> None:
    subscription: JsonValue = {
        "name": "x",
        "level": "page",
        "protocol": protocol,
        "endpoint": endpoint,
    }
    with pytest.raises(SettingsError) as error:
        build_settings({"alarms": {"subscriptions": [subscription]}})
    assert str(error.value).startswith(
        "bulwark:alarms.subscriptions.0.endpoint is not shown, " + reason
    )
    assert "t0k3n" not in str(error.value)


def test_two_subscribers_of_a_level_may_not_share_a_name() -> None:
    with pytest.raises(SettingsError, match=r"subscriptions name 'team' twice for warn") as error:
        build_settings({"alarms": {"subscriptions": [TEAM_SUBSCRIPTION, TEAM_SUBSCRIPTION]}})
    assert str(error.value).startswith("bulwark:alarms")
    assert "example.com" not in str(error.value)


@pytest.mark.parametrize("objective", [93.05, 50, 99.995])
def test_an_objective_whose_fastest_burn_cannot_be_seen_is_refused(objective: float) -> None:
    with pytest.raises(SettingsError) as error:
        build_settings({"alarms": {"availabilityObjective": objective}})
    assert str(error.value) == (
        f"bulwark:alarms.availabilityObjective is {objective}, must be above 93.06, to 99.99: "
        "below, 14.4 times the error budget is more than all requests, and the fastest burn "
        "could never be seen"
    )
