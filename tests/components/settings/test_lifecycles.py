"""Lifecycles of old data: nothing moves or ends before it can matter."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.settings.backups import BackupSettings


@pytest.mark.parametrize(
    ("lifecycles", "text"),
    [
        ({"journals": {"archiveDays": 90}}, "journals.archiveDays is 90, must not be set"),
        ({"states": {"archiveDays": 90}}, "states.archiveDays is 90, must not be set"),
        ({"journals": {"expireDays": 364}}, "journals.expireDays is 364, must be 365 or more"),
        ({"waivers": {"expireDays": 9000}}, "waivers.expireDays is 9000, must not be set"),
        ({"exports": {"archiveDays": 30, "tierDays": 30}}, "must be more than tierDays (30)"),
        ({"exports": {"archiveDays": 30, "expireDays": 209}}, "expireDays is 209, must be 210"),
        ({"exports": {"tierDays": 30, "expireDays": 30}}, "must be more than tierDays (30)"),
        ({"locks": {"expireDays": 30}}, "lifecycles.locks"),
    ],
)
def test_what_would_be_gone_before_it_can_matter_is_refused(
    lifecycles: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        BackupSettings.model_validate({"lifecycles": lifecycles})
    assert text in str(caught.value)


def test_by_default_only_records_of_checklists_end() -> None:
    (kind,) = BackupSettings().lifecycles
    assert kind == "checks"
    BackupSettings.model_validate(
        {"lifecycles": {"exports": {"tierDays": 0, "archiveDays": 30, "expireDays": 210}}}
    )
