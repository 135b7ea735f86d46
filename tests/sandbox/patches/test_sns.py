"""SNS in the sandbox: topics keep what they were given."""

from tests.sandbox.conftest import Clients


def test_a_topic_keeps_its_signature_version_and_tracing(mended: Clients) -> None:
    sns = mended("sns")
    given = {"SignatureVersion": "2", "TracingConfig": "Active"}
    arn = sns.create_topic(Name="page", Attributes=given)["TopicArn"]
    found = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert {key: found[key] for key in given} == given
    sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="1")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["SignatureVersion"] == "1"
