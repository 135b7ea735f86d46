"""Who may be let into the roles, and what is refused."""

import pytest

from components.settings import SettingsError
from tests.world import build_settings

USER_ARN = "arn:aws:iam::123456789012:user/alice"


def test_by_default_no_principal_is_named_and_mfa_is_required() -> None:
    access = build_settings().access
    assert access.enabled
    assert (access.readers, access.operators, access.recoverers) == ((), (), ())
    assert access.mfa
    assert access.session_hours == 4


@pytest.mark.parametrize(
    "principal",
    [
        "123456789012",
        USER_ARN,
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_0a1b",
        "arn:aws:iam::123456789012:saml-provider/okta",
        "arn:aws-us-gov:iam::123456789012:role/ops",
    ],
)
def test_principals_are_accounts_users_roles_or_saml_providers(principal: str) -> None:
    assert build_settings({"access": {"operators": [principal]}}).access.operators == (principal,)


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        "alice",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::*:root",
        "arn:aws:iam::123456789012:group/ops",
        "arn:aws:sts::123456789012:assumed-role/ops/alice",
        "1234",
    ],
)
def test_an_invalid_principal_is_refused_by_its_key(principal: str) -> None:
    with pytest.raises(SettingsError) as caught:
        build_settings({"access": {"readers": [principal]}})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"bulwark:access.readers.0 is {principal!r}, must be an account's id")


@pytest.mark.parametrize("boundary", ["ops", "arn:aws:iam::123456789012:role/x", USER_ARN])
def test_the_boundary_must_be_the_arn_of_a_policy(boundary: str) -> None:
    with pytest.raises(SettingsError, match=r"permissionsBoundary is .*, must be the ARN of a"):
        build_settings({"access": {"permissionsBoundary": boundary}})


@pytest.mark.parametrize("hours", [0, 13])
def test_a_session_lasts_one_to_twelve_hours(hours: int) -> None:
    with pytest.raises(SettingsError, match=f"access.sessionHours is {hours}, must be 1 to 12"):
        build_settings({"access": {"sessionHours": hours}})
