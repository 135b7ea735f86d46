"""How moto is patched: once, with the API's names and errors, emptied by a reset."""

import importlib
import pkgutil
from typing import Any

import pytest
from moto.core.base_backend import BaseBackend

import sandbox.patches
from sandbox.aws import use_in_memory_aws
from sandbox.patches import apply_patches, list_patches
from sandbox.patches.patching import ServicePatch, backend_state
from tests.sandbox.conftest import REGION, ClientFactory, RefusalGetter


class PatchedModel:
    """Something to patch."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def act(self, text: str) -> str:
        self.calls.append(text)
        return text

    @property
    def state(self) -> str:
        return "available"

    @staticmethod
    def check(value: int) -> bool:
        return value > 0


def test_a_wrapper_gets_the_original_and_is_applied_once() -> None:
    class Model(PatchedModel):
        pass

    patch = ServicePatch()

    @patch.wrap(Model, "act")
    def act(original: Any, model: Model, text: str) -> str:
        return f"patched {original(model, text)}"

    assert Model().act("x") == "x"
    patch.apply()
    patch.apply()
    assert Model().act("x") == "patched x"
    assert PatchedModel().act("x") == "x"


def test_properties_and_static_methods_are_wrapped_as_what_they_are() -> None:
    class Model(PatchedModel):
        pass

    patch = ServicePatch()
    patch.wrap(Model, "state")(lambda original, model: f"patched {original(model)}")
    patch.wrap(Model, "check")(lambda original, value: not original(value))
    patch.apply()
    assert Model().state == "patched available"
    assert Model.check(1) is False


def test_state_belongs_to_one_region_and_is_emptied_by_a_reset() -> None:
    backend, other_backend = BaseBackend("eu-north-1", "1"), BaseBackend("eu-west-1", "1")
    things: dict[str, int] = backend_state(backend, "things", dict)
    things["a"] = 1
    assert backend_state(backend, "things", dict) == {"a": 1}
    assert backend_state(other_backend, "things", dict) == {}
    backend.reset()
    assert backend_state(backend, "things", dict) == {}


def test_every_patch_is_applied() -> None:
    infos = pkgutil.walk_packages(sandbox.patches.__path__, "sandbox.patches.")
    modules = [importlib.import_module(info.name) for info in infos if not info.ispkg]
    declared = [module.patch for module in modules if hasattr(module, "patch")]
    assert declared
    assert {id(patch) for patch in declared} == {id(patch) for patch in list_patches()}


def test_applying_twice_changes_nothing_more(aws_client: ClientFactory) -> None:
    from moto.rds.models import RDSBackend

    before = RDSBackend.create_db_instance
    apply_patches()
    assert RDSBackend.create_db_instance is before


def test_a_second_run_starts_clean() -> None:
    results = []
    for _ in range(2):
        with use_in_memory_aws(REGION):
            from sandbox.aws import get_client

            backup = get_client("backup", REGION)
            results.append(backup.list_restore_testing_plans()["RestoreTestingPlans"])
            points = {"Algorithm": "RANDOM_WITHIN_WINDOW", "IncludeVaults": ["*"]}
            backup.create_restore_testing_plan(
                RestoreTestingPlan={
                    "RestoreTestingPlanName": "plan",
                    "ScheduleExpression": "cron(0 8 ? * SUN *)",
                    "RecoveryPointSelection": {**points, "RecoveryPointTypes": ["SNAPSHOT"]},
                }
            )
    assert results == [[], []]


@pytest.mark.parametrize(
    ("service", "call", "parameters", "code"),
    [
        ("backup", "get_backup_plan", {"BackupPlanId": "x"}, "ResourceNotFoundException"),
        ("rds", "reboot_db_instance", {"DBInstanceIdentifier": "x"}, "DBInstanceNotFound"),
        ("ecs", "describe_services", {"cluster": "x", "services": []}, "ClusterNotFound"),
        ("cloudwatch", "delete_alarms", {"AlarmNames": ["x"]}, "ResourceNotFound"),
    ],
)
def test_a_refusal_has_the_code_that_aws_gives(
    aws_client: ClientFactory,
    get_refusal: RefusalGetter,
    service: str,
    call: str,
    parameters: dict[str, Any],
    code: str,
) -> None:
    assert get_refusal(getattr(aws_client(service), call), **parameters)[0].startswith(code)
