"""The account: what an ARN is made of."""

from pulumi import Output

from components.account import Account
from components.component import Component
from tests.conftest import Build
from tests.world import build_settings


def test_an_arn_is_in_this_account_and_its_partition(build: Build) -> None:
    arns: list[str] = []

    def program() -> Output[None]:
        Component("Anything", "anything", settings=build_settings())
        arn = Account.get_current().format_arn(
            "logs", region="eu-west-1", resource="log-group:/x:*"
        )
        return arn.apply(arns.append)

    graph = build(program)
    assert arns == ["arn:aws:logs:eu-west-1:123456789012:log-group:/x:*"]
    assert {token for token, _ in graph.invokes} == {
        "aws:index/getCallerIdentity:getCallerIdentity",
        "aws:index/getPartition:getPartition",
    }
