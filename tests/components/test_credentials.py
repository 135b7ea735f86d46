"""Which variables a container gets, and what must be read for them."""

from components.credentials import build_container_credentials, build_secret_read_statements
from components.settings.services import ServiceSettings
from tests.world import build_settings

DATABASE_SECRET_ARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:database-a1b2c3"
CACHE_SECRET_ARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:cache-d4e5f6"
OWN_SECRET_ARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:own-g7h8i9"
PARAMETER_ARN = "arn:aws:ssm:eu-north-1:123456789012:parameter/own/flag"


def test_containers_get_database_and_cache_credentials() -> None:
    service_credentials = build_container_credentials(
        ServiceSettings(),
        database_secret_arn=DATABASE_SECRET_ARN,
        cache_secret_arn=CACHE_SECRET_ARN,
    )
    assert service_credentials.secrets == [DATABASE_SECRET_ARN, CACHE_SECRET_ARN]
    assert service_credentials.variables["DB_PASSWORD"].key == "password"
    assert service_credentials.variables["CACHE_TOKEN"].key == "token"


def test_without_a_cache_containers_get_no_cache_credentials() -> None:
    service_credentials = build_container_credentials(
        ServiceSettings(), database_secret_arn=DATABASE_SECRET_ARN, cache_secret_arn=None
    )
    assert service_credentials.secrets == [DATABASE_SECRET_ARN]
    assert not [name for name in service_credentials.variables if name.startswith("CACHE")]


def test_each_secret_of_the_settings_is_read_once() -> None:
    service_settings = ServiceSettings(
        database=False,
        secrets={
            "A": f"{OWN_SECRET_ARN}:a::",
            "B": f"{OWN_SECRET_ARN}:b::",
            "C": OWN_SECRET_ARN,
            "D": PARAMETER_ARN,
        },
    )
    service_credentials = build_container_credentials(
        service_settings, database_secret_arn=DATABASE_SECRET_ARN, cache_secret_arn=None
    )
    assert (service_credentials.secrets, service_credentials.parameters) == (
        [OWN_SECRET_ARN],
        [PARAMETER_ARN],
    )
    assert {name: v.key for name, v in service_credentials.variables.items()} == {
        "A": "a",
        "B": "b",
        "C": None,
        "D": None,
    }


def test_unused_secrets_may_not_be_read() -> None:
    nothing = build_container_credentials(
        ServiceSettings(database=False),
        database_secret_arn=DATABASE_SECRET_ARN,
        cache_secret_arn=None,
    )
    assert (
        build_secret_read_statements(build_settings(), credentials=nothing, data_key="arn:key")
        == []
    )
    some = build_secret_read_statements(
        build_settings(),
        credentials=build_container_credentials(
            ServiceSettings(), database_secret_arn=DATABASE_SECRET_ARN, cache_secret_arn=None
        ),
        data_key="arn:key",
    )
    assert [s.sid for s in some] == ["Secrets", "DecryptThem"]
    without = build_secret_read_statements(
        build_settings(),
        credentials=build_container_credentials(
            ServiceSettings(), database_secret_arn=DATABASE_SECRET_ARN, cache_secret_arn=None
        ),
        data_key=None,
    )
    assert [s.sid for s in without] == ["Secrets"]


def test_the_key_decrypts_through_secrets_manager_and_ssm_only() -> None:
    *_, decrypt = build_secret_read_statements(
        build_settings(),
        credentials=build_container_credentials(
            ServiceSettings(), database_secret_arn=DATABASE_SECRET_ARN, cache_secret_arn=None
        ),
        data_key="arn:key",
    )
    assert decrypt.conditions == {
        "StringEquals": {
            "kms:ViaService": [
                "secretsmanager.eu-north-1.amazonaws.com",
                "ssm.eu-north-1.amazonaws.com",
            ]
        }
    }
