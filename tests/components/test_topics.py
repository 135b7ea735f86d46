"""Topics: who may publish, how they are encrypted, who is told."""

import json
from typing import Any

from pydantic import JsonValue

from components.account import Account
from components.keys import Keys, KeysArgs
from components.settings import Settings
from components.topics import Topics, TopicsArgs
from sandbox.program import ResourceGraph
from tests.conftest import Build
from tests.world import build_settings

TOPIC_TYPE, TOPIC_SUBSCRIPTION_TYPE = (
    "aws:sns/topic:Topic",
    "aws:sns/topicSubscription:TopicSubscription",
)
SUBSCRIBERS: list[JsonValue] = [
    {"name": "on-call", "level": "page", "protocol": "https", "endpoint": "https://x.test/t0k3n"},
    {"name": "team", "level": "warn", "protocol": "email", "endpoint": "team@example.com"},
]


def build_topics_graph(build: Build, settings: Settings) -> ResourceGraph:
    def program() -> None:
        account = Account.get_current()
        keys = Keys("keys", args=KeysArgs(settings=settings, account=account))
        Topics("topics", args=TopicsArgs(settings=settings, account=account, keys=keys))

    return build(program)


def parse_statements_by_sid(policy: str) -> dict[str, dict[str, Any]]:
    return {s["Sid"]: s for s in json.loads(policy)["Statement"]}


def test_sns_1_topics_are_encrypted_with_the_stacks_own_key(build: Build) -> None:
    topic_resources = build_topics_graph(build, build_settings()).list_resources(TOPIC_TYPE)
    assert sorted(t.inputs["name"] for t in topic_resources) == [
        "bulwark-test-page",
        "bulwark-test-warn",
    ]
    assert {t.inputs["kmsMasterKeyId"] for t in topic_resources} == {
        "arn:aws:kms:eu-north-1:123456789012:key/keys-logs"
    }


def test_without_an_own_key_topics_are_not_encrypted_since_cloudwatch_could_not_publish(
    build: Build,
) -> None:
    topic_resources = build_topics_graph(build, build_settings(profile="dev")).list_resources(
        TOPIC_TYPE
    )
    assert len(topic_resources) == 2
    assert all("kmsMasterKeyId" not in t.inputs for t in topic_resources)


def test_sns_4_nobody_but_aws_services_may_publish(build: Build) -> None:
    for topic in build_topics_graph(build, build_settings()).list_resources(TOPIC_TYPE):
        arn = f"arn:aws:sns:eu-north-1:123456789012:{topic.inputs['name']}"
        for statement in parse_statements_by_sid(topic.inputs["policy"]).values():
            assert statement["Resource"] == [arn]
            assert statement["Action"] == ["sns:Publish"]
            if statement["Effect"] == "Allow":
                assert set(statement["Principal"]) == {"Service"}


def test_publishers_must_name_the_own_account_except_eventbridge(build: Build) -> None:
    statements_by_sid = parse_statements_by_sid(
        build_topics_graph(build, build_settings()).list_resources(TOPIC_TYPE)[0].inputs["policy"]
    )
    assert statements_by_sid["OwnAccount"]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"}
    }
    assert "cloudwatch.amazonaws.com" in statements_by_sid["OwnAccount"]["Principal"]["Service"]
    assert statements_by_sid["WithoutSource"]["Principal"]["Service"] == ["events.amazonaws.com"]
    assert statements_by_sid["WithoutSource"]["Condition"] == {
        "StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}
    }


def test_publishing_without_tls_is_denied(build: Build) -> None:
    deny_statement = parse_statements_by_sid(
        build_topics_graph(build, build_settings()).list_resources(TOPIC_TYPE)[0].inputs["policy"]
    )["TlsOnly"]
    assert (deny_statement["Effect"], deny_statement["Principal"]) == ("Deny", "*")
    assert deny_statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_key_lets_in_every_service_that_may_publish(build: Build) -> None:
    graph = build_topics_graph(build, build_settings())
    key = graph.get_resource("aws:kms/key:Key", "keys-logs")
    allowed = parse_statements_by_sid(key.inputs["policy"])
    statements_by_sid = parse_statements_by_sid(
        graph.list_resources(TOPIC_TYPE)[0].inputs["policy"]
    )
    bound = set(statements_by_sid["OwnAccount"]["Principal"]["Service"])
    assert bound <= set(allowed["Topics"]["Principal"]["Service"])
    unbound = allowed["TopicsWithoutSource"]
    assert unbound["Principal"] == statements_by_sid["WithoutSource"]["Principal"]
    assert unbound["Condition"] == {
        "StringEqualsIfExists": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {
            "kms:EncryptionContext:aws:sns:topicArn": "arn:aws:sns:eu-north-1:123456789012:*"
        },
    }


def test_subscribers_are_named_and_their_endpoints_are_secret(build: Build) -> None:
    graph = build_topics_graph(build, build_settings({"alarms": {"subscriptions": SUBSCRIBERS}}))
    subscriptions = {s.name: s for s in graph.list_resources(TOPIC_SUBSCRIPTION_TYPE)}
    assert sorted(subscriptions) == ["topics-page-on-call", "topics-warn-team"]
    page = subscriptions["topics-page-on-call"]
    assert page.inputs["topic"].endswith("/topics-page")
    assert page.inputs["endpoint"] == "https://x.test/t0k3n"
    assert all("endpoint" in s.secrets for s in subscriptions.values())
