"""Images of other registries, accounts and regions: looked at as far as these credentials may."""

from pathlib import Path

import pytest

from ops.core.errors import DeniedError, UsageError
from ops.outputs import RegistryPart
from ops.services.images import is_image_available, require_full_reference, resolve_image
from tests.ops.db_stage import fail_operations
from tests.ops.service_stage import BACKEND_IMAGE, open_service_console, put_services
from tests.ops.stage import ACCOUNT, REGION, build_stack_outputs, open_stage

OTHER_ACCOUNT_IMAGE = f"999999999999.dkr.ecr.{REGION}.amazonaws.com/app:v1"
OTHER_REGION_IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/app:v1"
FIPS_IMAGE = f"999999999999.dkr.ecr-fips.{REGION}.amazonaws.com/app:v1"


@pytest.mark.parametrize("image", [OTHER_ACCOUNT_IMAGE, OTHER_REGION_IMAGE, FIPS_IMAGE])
def test_an_image_that_may_not_be_looked_at_is_unchecked_and_said_to_be(image: str) -> None:
    with open_stage() as stage, fail_operations("AccessDenied", "describe_images"):
        resolved = resolve_image(stage.aws, image, ACCOUNT)
        assert (resolved.reference, resolved.is_in_registry) == (image, False)
        assert "which may not be looked at from here" in resolved.unchecked_reason
        assert is_image_available(stage.aws, image, ACCOUNT)


def test_a_denial_of_the_stacks_own_registry_is_an_error() -> None:
    with open_stage() as stage:
        put_services(stage)
        with fail_operations("AccessDenied", "describe_images"), pytest.raises(DeniedError):
            resolve_image(stage.aws, f"{BACKEND_IMAGE}:v2", ACCOUNT)


def test_an_image_that_is_missing_there_is_refused_with_the_line_that_lists_what_there_is() -> None:
    with open_stage() as stage, pytest.raises(UsageError) as caught:
        resolve_image(stage.aws, OTHER_REGION_IMAGE, ACCOUNT)
    (advice,) = caught.value.advice
    assert f"--registry-id {ACCOUNT} --region us-east-1 --repository-name app" in advice


def test_an_image_that_a_services_own_repository_lacks_points_to_the_list_of_those_it_has(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with open_service_console(capsys, tmp_path) as ops:
        _, err = ops(f"service deploy {BACKEND_IMAGE}:v99 --service backend --yes", 2)
    assert "ECR does not have it" in err
    assert err.splitlines()[-1] == "  ops service images backend"


def test_the_plan_of_a_foreign_image_says_that_it_was_not_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with (
        open_service_console(capsys, tmp_path) as ops,
        fail_operations("AccessDenied", "describe_images"),
    ):
        out, _ = ops(f"service deploy {OTHER_ACCOUNT_IMAGE} --service backend --dry-run")
    assert "is in the registry of account 999999999999 in eu-north-1" in out
    assert "so it was not checked" in out


def test_a_bare_name_of_the_stacks_own_repository_is_not_pulled_from_docker_hub(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    registry = RegistryPart(repositories={"backend": BACKEND_IMAGE})
    outputs = build_stack_outputs().model_copy(update={"registry": registry})
    with pytest.raises(UsageError, match=f"that of the stack is {BACKEND_IMAGE}:v9"):
        require_full_reference(outputs, "backend:v9")
    for image in ("nginx:1", f"{BACKEND_IMAGE}:v9", "someone/backend:v9"):
        require_full_reference(outputs, image)
    require_full_reference(outputs.model_copy(update={"registry": None}), "backend:v9")
    with open_service_console(capsys, tmp_path) as ops:
        changed = ops.stage.outputs.model_copy(update={"registry": registry})
        ops.file.write_text(changed.model_dump_json(by_alias=True))
        _, err = ops("service deploy backend:v9 --service backend --dry-run", 2)
    assert "IMAGE must name its registry, not 'backend:v9'" in err
