"""`ops bootstrap`: what stands before any stack, made or looked at."""

from typing import Annotated, Literal

import typer

from ops.bootstrap import inspection as looking
from ops.bootstrap import names as read
from ops.bootstrap.context import Account, place
from ops.bootstrap.names import Given
from ops.cli.context import chosen
from ops.cli.execution import How, carry_out, changing, new_run
from ops.cli.render import Output
from ops.cli.selection import Selection
from ops.core.aws import Aws
from ops.core.errors import FindingsError, UsageError

app = typer.Typer(add_completion=False)


@app.command(name="bootstrap")
@changing
def bootstrap(
    context: typer.Context,
    verb: Annotated[
        Literal["make", "check"],
        typer.Argument(
            metavar="VERB", help="make what is not there, or only look", show_default=False
        ),
    ] = "make",
    repository: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="the repository on GitHub")
    ] = None,
    recovery_region: Annotated[
        str | None, typer.Option(metavar="REGION", help="where the state is copied to")
    ] = None,
    environments: Annotated[
        str, typer.Option(metavar="NAMES", help="the stacks, with commas between them")
    ] = "dev,staging,prod",
    *,
    how: How,
) -> None:
    """Makes what stands before any stack: the bucket of Pulumi's state, keys, GitHub's roles.

    Asks for what is there, and makes what is not: run twice, it changes nothing. Wants credentials
    of an administrator of the account. In the end it prints what to type next, for Pulumi and for
    GitHub. With `check` it only looks; exit 3 where anything is not as it was made, or not known.
    """
    selection, output = chosen(context)
    given, of = _given(selection, repository, recovery_region, environments)
    run = new_run("bootstrap")
    found = looking.looked(given, of.aws, run)
    if verb == "check":
        _checked(found, of, output)
        return
    plan = looking.plan(given, found, run)
    if plan is not None and not carry_out(plan, of, output, how):
        return
    _told(given, output, "done" if plan else "nothing had to be done")


def _given(
    selection: Selection, repository: str | None, recovery: str | None, environments: str
) -> tuple[Given, Account]:
    """What the options say, and the account that the credentials are of. Raises UsageError."""
    if repository is None:
        raise UsageError("--repository is not set, may be OWNER/NAME as on GitHub")
    if selection.region is None:
        raise UsageError("--region is not set, may be the region of the state, like eu-north-1")
    project = read.project(selection.project)
    region = read.region("--region", selection.region)
    if recovery is not None:
        recovery = read.region("--recovery-region", recovery)
        if recovery == region:
            raise UsageError(f"--recovery-region is {recovery!r}, may be another than --region")
    names = read.environments(environments, project)
    whose = read.repository(repository)
    aws = Aws(region, selection.profile)
    account, partition = aws.identity()
    given = Given(
        project=project,
        repository=whose,
        partition=partition,
        account=account,
        region=region,
        recovery=recovery,
        environments=names,
    )
    return given, Account(aws, account, region, place(account, region))


def _checked(found: list[looking.Looked], of: Account, output: Output) -> None:
    """Every part, and how it is. Raises FindingsError where one is not ok."""
    output.rows("bootstrap", looking.COLUMNS, [one.row() for one in found])
    wrong = [one for one in found if one.state != "ok"]
    ways = tuple(f"ops runs resume {run}" for run in of.unfinished())
    if wrong:
        missing = sum(one.state == "missing" for one in wrong)
        raise FindingsError(
            f"{missing} of {len(found)} parts are not as they should be, "
            f"{len(wrong) - missing} are not known",
            *(ways or ("ops bootstrap",)),
        )


def _told(given: Given, output: Output, state: str) -> None:
    """What to type next."""
    role = given.iam
    repository = {
        "AWS_REGION": given.region,
        "PULUMI_BACKEND_URL": given.backend,
        "PREVIEW_ROLE_ARN": role(f"role/{given.role('preview')}"),
    }
    lines = [f"gh variable set {name} --body '{value}'" for name, value in repository.items()]
    for stack in given.environments:
        for environment, name, kind in (
            (stack, "DEPLOY_ROLE_ARN", "deploy"),
            (f"{stack}-operations", "OPERATE_ROLE_ARN", "operate"),
        ):
            arn = role(f"role/{given.role(f'{kind}-{stack}')}")
            lines.append(f"gh variable set {name} --env {environment} --body '{arn}'")
    stacks = [
        f"pulumi stack init {stack} --secrets-provider='{given.secrets_provider}'"
        for stack in given.environments
    ]
    next_ = {"pulumi": [f"pulumi login '{given.backend}'", *stacks], "github": lines}
    if output.form == "json":
        output.data("bootstrap", {"state": state, **next_})
        return
    output.line(f"state: {state}")
    for name, typed in next_.items():
        output.line(f"{name}:")
        for line in typed:
            output.line(f"  {line}")
