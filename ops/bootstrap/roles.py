"""GitHub's OIDC provider and the roles: of previews, of each stack's deployment, of its scheduled
looks, and the one by which S3 copies the state."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from ops.bootstrap import policies as documents
from ops.bootstrap.names import AUDIENCE, ISSUER, Given
from ops.bootstrap.policies import Document
from ops.core.plan import Call, State, Step, Wait

ABSENT: Final = "NoSuchEntity"
SESSION: Final = 3600  # seconds that credentials hold: GitHub's jobs ask for them anew
DEPLOYING: Final = 3 * 3600  # a deployment with a restore in it takes longer than an hour
POLICY: Final = "bulwark"


@dataclass(frozen=True)
class Role:
    """A role of the foundation: who may assume it, and what it may. `name` is without project."""

    name: str
    means: str
    trust: Document
    may: Document
    session: int = SESSION


def roles(given: Given) -> Iterator[Role]:
    """All roles that a foundation has."""
    yield Role(
        "preview",
        "previews of pull requests: looks, and changes nothing",
        documents.trusted(given, "pull_request"),
        documents.previews(given),
    )
    for stack in given.environments:
        yield Role(
            f"deploy-{stack}",
            f"deployment of {stack} from the environment {stack}",
            documents.trusted(given, f"environment:{stack}"),
            documents.deploys(given, stack),
            DEPLOYING,
        )
        yield Role(
            f"operate-{stack}",
            f"scheduled operations of {stack}",
            documents.trusted(given, f"environment:{stack}-operations"),
            documents.operates(given, stack),
        )
    if given.recovery:
        yield Role(
            "state-replication",
            f"copies of the state in {given.recovery}",
            documents.of_service("s3.amazonaws.com", given.account),
            documents.replicates(given, given.recovery),
        )


def provider(given: Given, clients: Collection[str] | None) -> Step:
    """The account trusts GitHub's tokens that are for AWS. `clients` are whom it is for by now.

    None where it is not there. One that was there is never taken away.
    """
    arn: State = {"OpenIDConnectProviderArn": given.provider}
    look = Call(api="iam.get_open_id_connect_provider", params=arn, answers=(ABSENT,))
    goal = Wait(
        read=look, met={f"contains(ClientIDList || `[]`, '{AUDIENCE}')": True}, every=2, within=120
    )
    if clients is not None:
        return Step(
            name="provider",
            says=f"let {ISSUER} be for {AUDIENCE} too",
            do=Call(
                api="iam.add_client_id_to_open_id_connect_provider",
                params={**arn, "ClientID": AUDIENCE},
            ),
            goal=goal,
        )
    return Step(
        name="provider",
        says=f"trust the tokens of {ISSUER}",
        do=Call(
            api="iam.create_open_id_connect_provider",
            params={
                "Url": f"https://{ISSUER}",
                "ClientIDList": [AUDIENCE],
                "Tags": _tags(given),
            },
            answers=("EntityAlreadyExists",),
        ),
        goal=goal,
        undo=(
            Step(
                name="unprovider",
                says=f"trust {ISSUER} no more",
                do=Call(api="iam.delete_open_id_connect_provider", params=arn, answers=(ABSENT,)),
                goal=Wait(read=look, met={"answer": ABSENT}, every=2, within=120),
            ),
        ),
    )


def looked_for(given: Given) -> dict[str, Call]:
    """The read of each role, by its name without project."""
    return {role.name: _look(given, role) for role in roles(given)}


def steps(given: Given, there: Collection[str]) -> list[Step]:
    """All roles with what they may. `there` are the names of those that there are already."""
    found = []
    for role in roles(given):
        found.append(_trusted(given, role) if role.name in there else _made(given, role))
        found.append(_may(given, role, new=role.name not in there))
    return found


def _tags(given: Given) -> list[JsonValue]:
    return [{"Key": "Project", "Value": given.project}]


def _step(role: Role, verb: str) -> str:
    return f"{verb}_{role.name.replace('-', '_')}"


def _look(given: Given, role: Role) -> Call:
    return Call(api="iam.get_role", params={"RoleName": given.role(role.name)}, answers=(ABSENT,))


def _goal(given: Given, role: Role) -> Wait:
    return Wait(
        read=_look(given, role),
        met={"Role.AssumeRolePolicyDocument": role.trust},
        every=2,
        within=120,
    )


def _made(given: Given, role: Role) -> Step:
    name: State = {"RoleName": given.role(role.name)}
    return Step(
        name=_step(role, "role"),
        says=f"make the role {name['RoleName']}: {role.means}",
        do=Call(
            api="iam.create_role",
            params={
                **name,
                "Description": role.means,
                "MaxSessionDuration": role.session,
                "AssumeRolePolicyDocument": documents.text(role.trust),
                "Tags": _tags(given),
            },
            answers=("EntityAlreadyExists",),
        ),
        goal=_goal(given, role),
        undo=(
            Step(
                name=_step(role, "unrole"),
                says=f"delete the role {name['RoleName']}",
                do=Call(api="iam.delete_role", params=name, answers=(ABSENT,)),
                goal=Wait(read=_look(given, role), met={"answer": ABSENT}, every=2, within=120),
            ),
        ),
    )


def _trusted(given: Given, role: Role) -> Step:
    name = given.role(role.name)
    return Step(
        name=_step(role, "trust"),
        says=f"let nobody else assume {name}: {role.means}",
        do=Call(
            api="iam.update_assume_role_policy",
            params={"RoleName": name, "PolicyDocument": documents.text(role.trust)},
        ),
        goal=_goal(given, role),
    )


def _may(given: Given, role: Role, *, new: bool) -> Step:
    name: State = {"RoleName": given.role(role.name), "PolicyName": POLICY}
    look = Call(api="iam.get_role_policy", params=name, answers=(ABSENT,))
    undo = Step(
        name=_step(role, "unmay"),
        says=f"let {name['RoleName']} do nothing",
        do=Call(api="iam.delete_role_policy", params=name, answers=(ABSENT,)),
        goal=Wait(read=look, met={"answer": ABSENT}, every=2, within=120),
    )
    return Step(
        name=_step(role, "may"),
        says=f"let {name['RoleName']} do that, and nothing else",
        do=Call(
            api="iam.put_role_policy",
            params={**name, "PolicyDocument": documents.text(role.may)},
        ),
        goal=Wait(read=look, met={"PolicyDocument": role.may}, every=2, within=120),
        undo=(undo,) if new else (),
    )
