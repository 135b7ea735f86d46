"""AWS cron expressions; the valid ones are of EventBridge's User Guide."""

import pytest

from components.settings.cron import validate_cron


@pytest.mark.parametrize(
    "text",
    [
        "0 10 * * ? *",
        "15 12 * * ? *",
        "0 18 ? * MON-FRI *",
        "0 8 1 * ? *",
        "0/15 * * * ? *",
        "0/5 8-17 ? * MON-FRI *",
        "0 9 ? * 2#1 *",
        "0 9 L * ? 2026-2030",
        "0 9 3W JAN,FEB,MAR ? *",
        "0 9 ? * FRIL *",
        "0,30 0-2 ? * sun *",
    ],
)
def test_a_valid_expression_stays_as_it_is(text: str) -> None:
    assert validate_cron(text) == text


@pytest.mark.parametrize(
    ("text", "message_part"),
    [
        ("60 10 * * ? *", "must have 0-59 as minute, not '60'"),
        ("0 24 * * ? *", "must have 0-23 as hour, not '24'"),
        ("0 10 32 * ? *", "must have 1-31 as day of month, not '32'"),
        ("0 10 * 13 ? *", "must have 1-12 or JAN-DEC as month, not '13'"),
        ("0 10 ? * 0 *", "must have 1-7 or SUN-SAT as day of week, not '0'"),
        ("0 10 ? * MON-XYZ *", "day of week, not 'MON-XYZ'"),
        ("0 10 ? * MON 1969", "must have 1970-2199 as year, not '1969'"),
        ("*/0 10 ? * MON *", "minute, not '*/0'"),
        ("a 10 ? * MON *", "minute, not 'a'"),
        ("0, 10 ? * MON *", "minute, not '0,'"),
        ("0 10 ? * ? *", "must be six fields"),
        ("0  10 ? * * *", "must be six fields"),
        ("@daily", "must be six fields"),
    ],
)
def test_an_expression_that_aws_would_refuse_names_its_field(text: str, message_part: str) -> None:
    with pytest.raises(ValueError, match="must") as refusal:
        validate_cron(text)
    assert message_part in str(refusal.value)
