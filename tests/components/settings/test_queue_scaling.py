"""Settings of a worker's queue: its name or ARN, and what the stack must have for it."""

import pytest
import yaml
from pydantic import JsonValue

from components.settings import Settings, SettingsError
from sandbox.program import PROJECT_ROOT
from tests.world import build_settings

ARN = "arn:aws:sqs:eu-north-1:123456789012:mails.fifo"


def _build(scaling: JsonValue, **stack: JsonValue) -> Settings:
    mailer: JsonValue = {"kind": "worker", "scaling": scaling}
    return build_settings({"services": {"web": {}, "mailer": mailer}, **stack})


@pytest.mark.parametrize(
    ("queue", "name"), [("mails", "mails"), (ARN, "mails.fifo"), ("q" * 80, "q" * 80)]
)
def test_a_queue_is_named_or_given_by_its_arn(queue: str, name: str) -> None:
    service = _build({"queue": queue, "backlogPerTask": 100}).services["mailer"]
    assert service.scaling.queue_name == name
    assert service.has_autoscaling


def test_a_queue_alone_makes_a_worker_scale() -> None:
    scaling: JsonValue = {"queue": "mails", "backlogPerTask": 5}
    mailer: JsonValue = {
        "kind": "worker",
        "scaling": scaling,
        "cpuTarget": None,
        "memoryTarget": None,
    }
    assert build_settings({"services": {"mailer": mailer}}).services["mailer"].has_autoscaling


@pytest.mark.parametrize(
    ("scaling", "line"),
    [
        ({"queue": "mails"}, "scaling.backlogPerTask is not set, must be so with queue ('mails')"),
        ({"backlogPerTask": 5}, "scaling.backlogPerTask is 5, must be set only with queue"),
        ({"queue": "a b", "backlogPerTask": 5}, "scaling.queue is 'a b', must be the name of an"),
        ({"queue": "q" * 81, "backlogPerTask": 5}, "scaling.queue is "),
        ({"queue": "mails", "backlogPerTask": 0}, "scaling.backlogPerTask is 0, must be 1 or more"),
        (
            {"queue": ARN.replace("eu-north-1", "eu-west-1"), "backlogPerTask": 5},
            "scaling.queue is of eu-west-1, must be of eu-north-1",
        ),
    ],
)
def test_a_queue_that_cannot_be_scaled_by_is_refused(scaling: JsonValue, line: str) -> None:
    with pytest.raises(SettingsError) as error:
        _build(scaling)
    assert str(error.value).startswith(f"bulwark:services.mailer.{line}")


def test_a_queue_needs_container_insights() -> None:
    with pytest.raises(SettingsError) as error:
        _build({"queue": "mails", "backlogPerTask": 5}, cluster={"containerInsights": "disabled"})
    assert str(error.value) == (
        "bulwark:cluster.containerInsights is 'disabled', must be 'enabled' or 'enhanced' with "
        "services.mailer.scaling.queue: the number of running tasks is one of its metrics"
    )


def test_a_web_service_has_no_queue() -> None:
    scaling: JsonValue = {"queue": "mails", "backlogPerTask": 5}
    with pytest.raises(SettingsError) as error:
        build_settings({"services": {"web": {"scaling": scaling}}})
    assert "services.web.scaling is set, must not be with kind 'web'" in str(error.value)


def test_the_worker_of_the_adoption_page_is_one() -> None:
    page = (PROJECT_ROOT / "docs" / "adopt.md").read_text(encoding="utf-8")
    text = page.partition("## A worker\n")[2].partition("```yaml\n")[2].partition("```")[0]
    services: JsonValue = yaml.safe_load(text)["bulwark:services"]
    settings = build_settings({"services": services})
    assert settings.services["mailer"].scaling.queue_name == "mails"
    assert list(settings.target_patterns) == ["backend"]
