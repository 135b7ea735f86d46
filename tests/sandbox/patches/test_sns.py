"""SNS in the sandbox: topics keep what they were given."""

from tests.sandbox.conftest import ClientFactory


def test_a_topic_keeps_its_signature_version_and_tracing(aws_client: ClientFactory) -> None:
    sns = aws_client("sns")
    attributes = {"SignatureVersion": "2", "TracingConfig": "Active"}
    arn = sns.create_topic(Name="page", Attributes=attributes)["TopicArn"]
    topic_attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert {key: topic_attributes[key] for key in attributes} == attributes
    sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="1")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["SignatureVersion"] == "1"
