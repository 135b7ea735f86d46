"""`ops bootstrap`: creates or checks the foundation that stacks need."""

from typing import Annotated, Literal

import typer

from ops.bootstrap.context import AccountContext, get_account_folder
from ops.bootstrap.inspection import (
    FOUNDATION_COLUMNS,
    FoundationPart,
    build_bootstrap_plan,
    inspect_foundation,
)
from ops.bootstrap.names import (
    FoundationNames,
    parse_domains,
    parse_environments,
    parse_project,
    parse_region,
    parse_repository,
    parse_repository_ids,
    parse_reviewers,
)
from ops.bootstrap.repository import (
    fetch_repository,
    fetch_reviewer_ids,
    require_known_subject,
)
from ops.cli.context import get_selection
from ops.cli.execution import ExecutionOptions, execute_plan, mutating_command, new_run_id
from ops.cli.render import Output
from ops.cli.selection import Selection
from ops.core.aws import Aws
from ops.core.errors import FindingsError, UsageError

app = typer.Typer(add_completion=False)


@app.command(name="bootstrap")
@mutating_command
def bootstrap_account(
    context: typer.Context,
    verb: Annotated[
        Literal["make", "check"],
        typer.Argument(
            metavar="VERB",
            help="make: create what is missing; check: only look",
            show_default=False,
        ),
    ] = "make",
    repository: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="the repository on GitHub")
    ] = None,
    repository_ids: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER_ID/REPOSITORY_ID",
            help="ids on GitHub; without it gh is asked, and protects the environments",
        ),
    ] = None,
    reviewers: Annotated[
        str | None,
        typer.Option(
            metavar="LOGINS", help="users who must agree to deployments, but for those of dev"
        ),
    ] = None,
    recovery_region: Annotated[
        str | None, typer.Option(metavar="REGION", help="region that the state is replicated to")
    ] = None,
    domains: Annotated[
        str | None,
        typer.Option(
            metavar="STACK=DOMAIN,...",
            help="domains whose records the deployment of a stack may change",
        ),
    ] = None,
    environments: Annotated[
        str, typer.Option(metavar="NAMES", help="the stacks, separated by commas")
    ] = "dev,staging,prod",
    *,
    options: ExecutionOptions,
) -> None:
    """Creates what a stack needs first: the bucket of Pulumi's state, keys, GitHub's roles.

    Creates only what is missing, so a second run changes nothing. Needs credentials of an account
    administrator, and gh logged in as an administrator of the repository, whose environments it
    protects. Prints the next commands for Pulumi and GitHub. With `check` it only looks; exit
    code 3 if something is missing, changed or cannot be read.
    """
    selection, output = get_selection(context)
    names, account_context = _resolve_foundation(
        selection, repository, repository_ids, reviewers, recovery_region, environments, domains
    )
    run = new_run_id("bootstrap")
    parts = inspect_foundation(names, account_context.aws, run)
    if verb == "check":
        _show_parts(parts, account_context, output)
        return
    plan = build_bootstrap_plan(names, parts, run)
    if plan is not None and not execute_plan(plan, account_context, output, options):
        return
    _print_next_commands(names, output, "done" if plan else "already complete")


def _resolve_foundation(
    selection: Selection,
    repository: str | None,
    repository_ids: str | None,
    reviewers: str | None,
    recovery_region: str | None,
    environments: str,
    domains: str | None,
) -> tuple[FoundationNames, AccountContext]:
    """Parses the options and reads the credentials' account. Raises UsageError."""
    if repository is None:
        raise UsageError("--repository is not set; give OWNER/NAME as on GitHub")
    if selection.region is None:
        raise UsageError("--region is not set; give the region of the state, like eu-north-1")
    project = parse_project(selection.resolve_project())
    region = parse_region("--region", selection.region)
    if recovery_region is not None:
        recovery_region = parse_region("--recovery-region", recovery_region)
        if recovery_region == region:
            raise UsageError(
                f"--recovery-region must differ from --region; both are {recovery_region!r}"
            )
    stacks = parse_environments(environments, project)
    stack_domains = parse_domains(domains, stacks) if domains is not None else ()
    repository_name = parse_repository(repository)
    ids = parse_repository_ids(repository_ids) if repository_ids is not None else None
    if ids is not None and reviewers is not None:
        raise UsageError("--reviewers needs GitHub; --repository-ids must not be given with it")
    logins = parse_reviewers(reviewers) if reviewers is not None else ()
    reviewer_ids: tuple[int, ...] = ()
    if is_github_known := ids is None:
        found_repository = fetch_repository(repository_name)
        repository_name, ids = found_repository.full_name, found_repository.ids
        reviewer_ids = fetch_reviewer_ids(logins)
    aws = Aws(region, selection.profile)
    account, partition = aws.get_identity()
    names = FoundationNames(
        project=project,
        repository=repository_name,
        repository_ids=ids,
        domains=stack_domains,
        reviewers=reviewer_ids,
        is_github_known=is_github_known,
        partition=partition,
        account=account,
        region=region,
        recovery_region=recovery_region,
        environments=stacks,
    )
    if is_github_known:
        require_known_subject(names)
    return names, AccountContext(aws, account, region, get_account_folder(account, region))


def _show_parts(parts: list[FoundationPart], context: AccountContext, output: Output) -> None:
    """Prints every part and its state. Raises FindingsError if one is not ok."""
    output.print_rows("bootstrap", FOUNDATION_COLUMNS, [part.row() for part in parts])
    failed_parts = [part for part in parts if part.state != "ok"]
    resume_commands = tuple(f"ops runs resume {run}" for run in context.unfinished_runs())
    if failed_parts:
        missing = sum(part.state == "missing" for part in failed_parts)
        raise FindingsError(
            f"{missing} of {len(parts)} parts are missing or wrong, "
            f"{len(failed_parts) - missing} could not be read",
            *(resume_commands or ("ops bootstrap",)),
        )


def _print_next_commands(names: FoundationNames, output: Output, state: str) -> None:
    """Prints the next commands for Pulumi and GitHub."""
    build_arn = names.build_iam_arn
    variables = {
        "AWS_REGION": names.region,
        "PULUMI_BACKEND_URL": names.backend_url,
        "PREVIEW_ROLE_ARN": build_arn(f"role/{names.get_role_name('preview')}"),
    }
    lines = [f"gh variable set {name} --body '{value}'" for name, value in variables.items()]
    for stack in names.environments:
        for environment, name, kind in (
            (stack, "DEPLOY_ROLE_ARN", "deploy"),
            (f"{stack}-operations", "OPERATE_ROLE_ARN", "operate"),
        ):
            arn = build_arn(f"role/{names.get_role_name(f'{kind}-{stack}')}")
            lines.append(f"gh variable set {name} --env {environment} --body '{arn}'")
    stacks = [
        line
        for stack in names.environments
        for line in (
            f"pulumi stack init {stack} --secrets-provider='{names.build_secrets_provider(stack)}'",
            f"pulumi config set --stack {stack} --path "
            f"{names.project}:access.permissionsBoundary '{names.build_boundary_arn(stack)}'",
        )
    ]
    commands = {"pulumi": [f"pulumi login '{names.backend_url}'", *stacks], "github": lines}
    if output.output_format == "json":
        output.print_json("bootstrap", {"state": state, **commands})
        return
    output.print_line(f"state: {state}")
    for name, command_lines in commands.items():
        output.print_line(f"{name}:")
        for line in command_lines:
            output.print_line(f"  {line}")
