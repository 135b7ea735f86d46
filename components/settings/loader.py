"""Reads a stack's settings from Pulumi's config, and says what is wrong with them."""

import json
from collections.abc import Mapping
from difflib import get_close_matches

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from components.settings.fields import (
    field_at,
    is_object,
    keys_at,
    section_at,
    settings_fields,
    wording,
)
from components.settings.profiles import PROFILES, Values, merged
from components.settings.stack import Settings

# Keys whose value is not repeated in an error: it may carry a token.
QUIET = frozenset({"endpoint", "environment", "secrets"})
# What Pulumi.yaml gives a key that a stack does not set: then it is as the profile has it.
UNSET = frozenset({"", "null", "profile"})


class SettingsError(ValueError):
    """Settings that cannot be. Each line names a key, what it was and what it may be."""


def load(
    project: str,
    stack: str,
    region: str,
    config: Mapping[str, str],
    secret_keys: frozenset[str] = frozenset(),
) -> Settings:
    """The settings in `config`, whose keys are like `bulwark:database` and values text or JSON.

    Raises SettingsError, which shows no value of a key in `secret_keys`.
    """
    given: dict[str, JsonValue] = {}
    for full_key, text in config.items():
        key = full_key.removeprefix(f"{project}:")
        if key != full_key and not (text in UNSET and key != "profile"):
            given[key] = _parsed(full_key, key, text)
    profile = given.get("profile")
    if not isinstance(profile, str) or profile not in PROFILES:
        raise SettingsError(f"{project}:profile is {_shown(profile)}, may be 'dev' or 'prod'")
    for key in ("project", "stack", "region"):
        if key in given:
            raise SettingsError(
                f"{project}:{key} is {_shown(given[key])}, may not be set: Pulumi gives it"
            )
    values = _with_service_defaults(merged(PROFILES[profile], given))
    quiet = QUIET | {key.removeprefix(f"{project}:") for key in secret_keys}
    try:
        return Settings.model_validate(
            values | {"project": project, "stack": stack, "region": region}
        )
    except ValidationError as error:
        details = [_at_its_source(d, given) for d in error.errors(include_url=False)]
        lines = [f"{project}:{_line(detail, quiet)}" for detail in details]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None


def read() -> Settings:
    """The settings of the stack that runs. Raises pulumi.RunError, which Pulumi shows as it is."""
    config = runtime_config.get_config_env() | runtime_config.CONFIG.get()
    secret = frozenset(key for key in config if runtime_config.is_config_secret(key))
    region = pulumi.Config("aws").require("region")
    try:
        return load(pulumi.get_project(), pulumi.get_stack(), region, config, secret)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def _parsed(full_key: str, key: str, text: str) -> JsonValue:
    """The text of a plain key; of a section what its JSON says."""
    field = settings_fields().get(key)
    if field is None or not is_object(field):
        return text
    try:
        parsed: JsonValue = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise SettingsError(f"{full_key} is no object, may be an object of settings by name")
    return parsed


def _with_service_defaults(values: Values) -> dict[str, JsonValue]:
    """Each service on top of `serviceDefaults`, so that a profile can change them all."""
    result = dict(values)
    defaults, services = result.get("serviceDefaults", {}), result.get("services") or {"web": {}}
    if isinstance(defaults, dict) and isinstance(services, dict):
        result["services"] = {
            name: merged(defaults, service) if isinstance(service, dict) else service
            for name, service in services.items()
        }
    return result


def _at_its_source(detail: ErrorDetails, given: Values) -> ErrorDetails:
    """An error of a service where the value came from: `serviceDefaults` if not its own."""
    loc = detail["loc"]
    if len(loc) < 3 or loc[0] != "services" or "[key]" in loc:
        return detail
    services = given.get("services")
    own = services.get(str(loc[1])) if isinstance(services, dict) else None
    if isinstance(own, dict) and loc[2] in own:
        return detail
    return {**detail, "loc": ("serviceDefaults", *loc[2:])}


def _line(detail: ErrorDetails, quiet: frozenset[str]) -> str:
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    path = ".".join(map(str, loc))
    if detail["type"] == "value_error":
        rule = str(detail["ctx"]["error"])
        if not path or (section_at(loc) and not rule.startswith("may ")):
            return f"{path}.{rule}".removeprefix(".")  # a rule between keys names them itself
    if "[key]" in detail["loc"]:
        return f"{path} has that name, {wording(detail)}"
    if detail["type"] == "missing":
        field = field_at(loc)
        meaning = f": {field.description}" if field else ""
        return f"{path} is not set, and must be{meaning}"
    if detail["type"] == "extra_forbidden":
        return f"{path} is no setting, {_near(loc)}"
    inside = set() if isinstance(detail["input"], dict) else keys_at(loc)
    if quiet & (set(map(str, loc)) | inside):
        return f"{path} is not shown, {wording(detail)}"
    return f"{path} is {_shown(detail['input'])}, {wording(detail)}"


def _near(loc: tuple[int | str, ...]) -> str:
    """What an unknown key may have been meant for."""
    section = section_at(loc[:-1])
    keys = list(settings_fields(section) if section else settings_fields())
    near = get_close_matches(str(loc[-1]), keys, n=2, cutoff=0.6)
    return f"may be {' or '.join(near or sorted(keys))}"


def _shown(value: object) -> str:
    """A value as it is written, texts in single quotes; of an object only that it is one."""
    if isinstance(value, dict):
        return "an object" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    plain = value is None or isinstance(value, bool | int | float)
    return json.dumps(value) if plain else repr(str(value))
