"""What every section shares."""

import pytest
from pydantic import ValidationError

from components.settings.database import DatabaseSettings


def test_a_section_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DatabaseSettings().port = 5434  # type: ignore[misc]


def test_keys_are_camel_case_and_unknown_ones_refused() -> None:
    assert DatabaseSettings.model_validate({"storageGb": 30}).storage_gb == 30
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        DatabaseSettings.model_validate({"storage": 30})
