"""What runs keeps its kind: another kind of a deployed service is refused."""

import pytest
from pydantic import JsonValue

from components.settings import SettingsError
from components.settings.deployed_parts import DeployedStack
from components.settings.deployed_stack import require_possible_changes
from tests.world import build_settings


@pytest.mark.parametrize(("deployed", "wanted"), [("web", "worker"), ("worker", "web")])
def test_the_kind_of_a_deployed_service_is_kept(deployed: str, wanted: str) -> None:
    services: dict[str, JsonValue] = {"other": {"paths": ["/o/*"]}, "mailer": {"kind": wanted}}
    settings = build_settings({"services": services})
    stack = DeployedStack(service_kinds={"other": "web", "mailer": deployed})
    with pytest.raises(SettingsError) as error:
        require_possible_changes(settings, stack)
    assert str(error.value).startswith(
        f"bulwark:services.mailer.kind is {wanted!r}, must be {deployed!r}, that of the deployed "
        "service"
    )
    same_stack = DeployedStack(service_kinds={"other": "web", "mailer": wanted})
    require_possible_changes(settings, same_stack)
