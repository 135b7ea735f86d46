"""Which variables a container gets, and what must be read for them."""

from components.credentials import build_credentials, build_secret_read_statements
from components.settings import ServiceSettings
from tests.world import settings

DATABASE = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:database-a1b2c3"
CACHE = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:cache-d4e5f6"
OWN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:own-g7h8i9"
PARAMETER = "arn:aws:ssm:eu-north-1:123456789012:parameter/own/flag"


def test_the_stack_gives_database_and_cache() -> None:
    found = build_credentials(ServiceSettings(), DATABASE, CACHE)
    assert found.secrets == [DATABASE, CACHE]
    assert found.variables["DB_PASSWORD"].key == "password"
    assert found.variables["CACHE_TOKEN"].key == "token"


def test_without_a_cache_there_is_nothing_of_it() -> None:
    found = build_credentials(ServiceSettings(), DATABASE, None)
    assert found.secrets == [DATABASE]
    assert not [name for name in found.variables if name.startswith("CACHE")]


def test_each_secret_of_the_settings_is_read_once() -> None:
    own = ServiceSettings(
        database=False, secrets={"A": f"{OWN}:a::", "B": f"{OWN}:b::", "C": OWN, "D": PARAMETER}
    )
    found = build_credentials(own, DATABASE, None)
    assert (found.secrets, found.parameters) == ([OWN], [PARAMETER])
    assert {name: v.key for name, v in found.variables.items()} == {
        "A": "a",
        "B": "b",
        "C": None,
        "D": None,
    }


def test_what_is_not_needed_is_not_allowed() -> None:
    nothing = build_credentials(ServiceSettings(database=False), DATABASE, None)
    assert build_secret_read_statements(settings(), nothing, "arn:key") == []
    some = build_secret_read_statements(
        settings(), build_credentials(ServiceSettings(), DATABASE, None), "arn:key"
    )
    assert [s.sid for s in some] == ["Secrets", "DecryptThem"]
    without = build_secret_read_statements(
        settings(), build_credentials(ServiceSettings(), DATABASE, None), None
    )
    assert [s.sid for s in without] == ["Secrets"]


def test_the_key_decrypts_through_secrets_manager_and_ssm_only() -> None:
    *_, decrypt = build_secret_read_statements(
        settings(), build_credentials(ServiceSettings(), DATABASE, None), "arn:key"
    )
    assert decrypt.conditions == {
        "StringEquals": {
            "kms:ViaService": [
                "secretsmanager.eu-north-1.amazonaws.com",
                "ssm.eu-north-1.amazonaws.com",
            ]
        }
    }
