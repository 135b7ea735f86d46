"""The two keys: of Pulumi's state, and of the secrets in it. In both regions, with one id each.

Multi-Region keys (AWS KMS Developer Guide, "Multi-Region keys in AWS KMS"): what was encrypted in
one region is decrypted in the other, when the first one is gone.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from ops.bootstrap import policies as documents
from ops.bootstrap.names import Given
from ops.core.errors import OpsError
from ops.core.kms import usable_again
from ops.core.plan import NOWHERE, Call, State, Step, Wait

LOOK: Final = "kms.describe_key"
STATE: Final = "KeyMetadata.KeyState"
ABSENT: Final = "NotFoundException"
MADE: Final = "ResourceTagMappingList[0].ResourceARN"
WINDOW: Final = 30  # days until a key is deleted: the longest that KMS takes (API reference)
RUN: Final = "bulwark:run"
MEANS: Final = {"state": "Pulumi's state", "secrets": "the secrets in Pulumi's state"}


def named(given: Given, purpose: str, region: str) -> Call:
    """The read of a key by its alias."""
    return Call(api=LOOK, params={"KeyId": given.alias(purpose)}, answers=(ABSENT,), region=region)


def usable(given: Given, purpose: str, seen: JsonValue) -> str | None:
    """The id of the key that has the alias; None where there is none.

    Raises OpsError where it cannot be used: another in its place would read nothing of before.
    """
    found = seen.get("KeyMetadata") if isinstance(seen, dict) else None
    if not isinstance(found, dict):
        return None
    identifier, state = str(found["KeyId"]), str(found.get("KeyState"))
    if state != "Enabled":
        raise OpsError(
            f"{given.alias(purpose)} is of the key {identifier}, which is {state}: what it has "
            "encrypted could not be read",
            *usable_again(identifier, state, given.region),
        )
    return identifier


def steps(given: Given, purpose: str, known: str | None, run: str) -> list[Step]:
    """The key, its alias and rotation, and the same key in the recovery region.

    `known` is its id, where it is there already. A new one is found again by the run that is on it.
    """
    found = [] if known else [_made(given, purpose, run), _aliased(given, purpose)]
    target: State = {"KeyId": known} if known else {}
    refs = {} if known else {"KeyId": f"alias_{purpose}.KeyMetadata.KeyId"}
    name = given.alias(purpose)
    found.append(
        Step(
            name=f"rotation_{purpose}",
            says=f"have {name} rotated every year",
            do=Call(api="kms.enable_key_rotation", params=target, refs=refs, region=given.region),
            goal=Wait(
                read=Call(
                    api="kms.get_key_rotation_status",
                    params=target,
                    refs=refs,
                    region=given.region,
                ),
                met={"KeyRotationEnabled": True},
                every=2,
                within=120,
            ),
        )
    )
    if known:
        found.append(_ruled(given, purpose, known))
    if given.recovery:
        found += _away(given, purpose, given.recovery, known, target, refs)
    return found


def _tags(given: Given, purpose: str, run: str) -> list[JsonValue]:
    tags = {"Name": given.role(purpose), "Project": given.project, RUN: run}
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


def _made(given: Given, purpose: str, run: str) -> Step:
    name = f"key_{purpose}"
    found = f"find_{name}"
    filters: list[JsonValue] = [
        {"Key": RUN, "Values": [run]},
        {"Key": "Name", "Values": [given.role(purpose)]},
    ]
    look = Call(
        api="resourcegroupstaggingapi.get_resources",
        params={"TagFilters": filters, "ResourceTypeFilters": ["kms:key"]},
        region=given.region,
    )
    return Step(
        name=name,
        says=f"make the key of {MEANS[purpose]}",
        do=Call(
            api="kms.create_key",
            params={
                "Description": f"{given.project}: {MEANS[purpose]}",
                "MultiRegion": True,
                "Policy": documents.text(documents.key(given)),
                "Tags": _tags(given, purpose, run),
            },
            repeatable=False,
            region=given.region,
        ),
        goal=Wait(read=look, met={"length(ResourceTagMappingList)": 1}, every=5, within=600),
        undo=(
            Step(
                name=found,
                says="look which key this run has made, if it has",
                do=look,
                goal=Wait(
                    read=look, met={"type(ResourceTagMappingList)": "array"}, every=5, within=120
                ),
            ),
            _ended(name, {}, {"KeyId": f"{found}.{MADE}"}, given.region, given.alias(purpose)),
        ),
    )


def _ended(name: str, target: State, refs: dict[str, str], region: str, alias: str) -> Step:
    """A key, if there is one, goes when its window is over."""
    over = ["PendingDeletion", "PendingReplicaDeletion", ABSENT, NOWHERE]
    return Step(
        name=f"end_{name}",
        says=f"have the key of {alias} in {region} deleted in {WINDOW} days",
        do=Call(
            api="kms.schedule_key_deletion",
            params={**target, "PendingWindowInDays": WINDOW},
            refs=refs,
            answers=("KMSInvalidStateException", ABSENT, NOWHERE),
            region=region,
        ),
        goal=Wait(
            read=Call(api=LOOK, params=target, refs=refs, answers=(ABSENT, NOWHERE), region=region),
            met={f"contains({over}, {STATE} || answer)": True},
            every=2,
            within=120,
        ),
    )


def _aliased(given: Given, purpose: str) -> Step:
    made = f"key_{purpose}.{MADE}"
    return _alias(given, purpose, given.region, f"alias_{purpose}", Named(made, "Arn"))


@dataclass(frozen=True)
class Named:
    """The key that an alias is of: by a path to what an earlier step saw, or by its id itself."""

    path: str
    by: str = "KeyId"
    known: str | None = None


def _alias(given: Given, purpose: str, region: str, name: str, of: Named) -> Step:
    alias = given.alias(purpose)
    read = named(given, purpose, region)
    target: State = {"TargetKeyId": of.known} if of.known else {}
    refs = {} if of.known else {"TargetKeyId": of.path}
    met: State = {STATE: "Enabled", **({"KeyMetadata.KeyId": of.known} if of.known else {})}
    same = {} if of.known else {f"KeyMetadata.{of.by}": of.path}
    return Step(
        name=name,
        says=f"call it {alias} in {region}",
        do=Call(
            api="kms.create_alias",
            params={"AliasName": alias, **target},
            refs=refs,
            answers=("AlreadyExistsException",),
            region=region,
        ),
        goal=Wait(read=read, met=met, same=same, every=2, within=300),
        undo=(
            Step(
                name=f"un{name}",
                says=f"take the name {alias} away in {region}",
                do=Call(
                    api="kms.delete_alias",
                    params={"AliasName": alias},
                    answers=(ABSENT,),
                    region=region,
                ),
                goal=Wait(read=read, met={"answer": ABSENT}, every=2, within=120),
            ),
        ),
    )


def _ruled(given: Given, purpose: str, known: str) -> Step:
    policy = documents.key(given)
    params: State = {"KeyId": known, "PolicyName": "default"}
    return Step(
        name=f"key_policy_{purpose}",
        says=f"let IAM of this account alone decide who may use {given.alias(purpose)}",
        do=Call(
            api="kms.put_key_policy",
            params={**params, "Policy": documents.text(policy)},
            region=given.region,
        ),
        goal=Wait(
            read=Call(
                api="kms.get_key_policy",
                params=params,
                documents=("Policy",),
                region=given.region,
            ),
            met={"Policy": policy},
            every=2,
            within=120,
        ),
    )


def _away(
    given: Given, purpose: str, there: str, known: str | None, target: State, refs: dict[str, str]
) -> list[Step]:
    """The key in the recovery region. Its ARN there differs in the region alone: its id is one."""
    name, alias = f"replica_{purpose}", given.alias(purpose)
    tags = {"Name": given.role(purpose), "Project": given.project}
    return [
        Step(
            name=name,
            says=f"make the key of {alias} usable in {there} too",
            do=Call(
                api="kms.replicate_key",
                params={
                    **target,
                    "ReplicaRegion": there,
                    "Policy": documents.text(documents.key(given)),
                    "Tags": [{"TagKey": key, "TagValue": value} for key, value in tags.items()],
                },
                refs=refs,
                answers=("AlreadyExistsException",),
                region=given.region,
            ),
            goal=Wait(
                read=Call(api=LOOK, params=target, refs=refs, answers=(ABSENT,), region=there),
                met={STATE: "Enabled"},
                every=5,
                within=600,
            ),
            undo=(_ended(name, target, refs, there, alias),),
        ),
        _alias(
            given,
            purpose,
            there,
            f"alias_{purpose}_away",
            Named(f"{name}.KeyMetadata.KeyId", known=known),
        ),
    ]
