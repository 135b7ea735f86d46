"""Cut models: clients of a few operations that do what whole ones do, and where they are kept."""

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from ops.core import service_models as models
from ops.core.aws import Aws
from ops.health.registry import HEALTH_APIS
from sandbox.aws import use_in_memory_aws
from tests.ops.stage import REGION

SAMPLE_APIS = ("ec2.describe_vpcs", "rds.describe_db_instances")


@pytest.fixture(autouse=True)
def cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("AWS_DATA_PATH", raising=False)
    return tmp_path / "bulwark"


def get_model_file(folder: Path) -> Path:
    (model_file,) = folder.iterdir()
    return model_file


def test_a_cut_model_has_the_operations_and_all_that_they_refer_to() -> None:
    whole = Loader().load_service_model("rds", "service-2")
    cut = models.reduce_model(whole, ["DescribeDBInstances"])
    assert list(cut["operations"]) == ["DescribeDBInstances"]
    wanted = {name for shape in cut["shapes"].values() for name in models._list_shape_names(shape)}
    assert wanted <= set(cut["shapes"])
    assert {"DBInstanceMessage", "DBInstanceNotFoundFault"} <= set(cut["shapes"])
    assert len(cut["shapes"]) < len(whole["shapes"]) / 5
    assert '"documentation"' not in json.dumps(cut["shapes"])
    assert whole["operations"]["DescribeDBInstances"]["documentation"]  # the whole is as it was


@pytest.mark.parametrize(
    "region", ["eu-north-1", pytest.param("cn-north-1", marks=pytest.mark.exhaustive)]
)
def test_cut_clients_are_where_whole_ones_are_and_page_alike(region: str) -> None:
    cut, whole = Aws(region, apis=HEALTH_APIS), Aws(region)
    for api in HEALTH_APIS:
        service, operation = api.split(".")
        ours, theirs = cut.client(service), whole.client(service)
        assert ours.meta.endpoint_url == theirs.meta.endpoint_url
        assert ours._client_config.signature_version == theirs._client_config.signature_version
        assert ours.can_paginate(operation) == theirs.can_paginate(operation)
        assert callable(getattr(ours, operation))


def test_answers_and_errors_are_those_of_a_whole_client() -> None:
    with use_in_memory_aws(REGION):
        cut, whole = Aws(REGION, apis=SAMPLE_APIS), Aws(REGION)
        whole.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
        seen = cut.call("ec2.describe_vpcs", {})
        assert seen == whole.call("ec2.describe_vpcs", {})
        assert len(seen["Vpcs"]) > 1  # type: ignore[index, call-overload, arg-type]
        with pytest.raises(ClientError) as refused:
            cut.call("rds.describe_db_instances", {"DBInstanceIdentifier": "none"})
        assert refused.value.response["Error"]["Code"] == "DBInstanceNotFound"
        assert not hasattr(cut.client("ec2"), "delete_vpc")


def test_cached_models_are_private_to_the_user_and_reused(
    cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = models.build_loader(SAMPLE_APIS)
    assert get_model_file(cache_home).stat().st_mode & 0o077 == 0
    monkeypatch.setattr(models, "build_reduced_models", lambda _: pytest.fail("made again"))
    again = models.build_loader(SAMPLE_APIS)
    name = ("ec2", models.SERVICE_MODEL_TYPE)
    assert again.load_service_model(*name) == first.load_service_model(*name)


def _change_botocore_version(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.__version__", "0.0.0")


def _truncate_file(cached_file: Path, _: pytest.MonkeyPatch) -> None:
    cached_file.write_text(cached_file.read_text()[:-1])


def _make_writable_by_others(cached_file: Path, _: pytest.MonkeyPatch) -> None:
    cached_file.chmod(0o666)


@pytest.mark.parametrize(
    "spoil", [_change_botocore_version, _truncate_file, _make_writable_by_others]
)
def test_an_untrusted_model_cache_is_rebuilt(
    cache_home: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any
) -> None:
    models.build_loader(SAMPLE_APIS)
    spoil(get_model_file(cache_home), monkeypatch)
    made: list[object] = []

    def again(apis: object) -> dict[str, str]:
        made.append(apis)
        return {"made": "again"}

    monkeypatch.setattr(models, "build_reduced_models", again)
    models.build_loader(SAMPLE_APIS)
    assert made == [SAMPLE_APIS]
    assert json.loads(get_model_file(cache_home).read_text()) == {
        "made": "again"
    }  # and the old one is gone


def test_without_a_writable_cache_folder_models_are_not_cached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert isinstance(models.build_loader(SAMPLE_APIS), models.ReducedLoader)


def test_models_of_aws_data_path_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DATA_PATH", "/somewhere")
    assert type(models.build_loader(SAMPLE_APIS)) is Loader


def test_other_services_are_loaded_as_ever() -> None:
    session = botocore.session.Session()
    session.register_component("data_loader", models.build_loader(SAMPLE_APIS))
    assert session.create_client("sqs", region_name=REGION).meta.service_model.operation_names
