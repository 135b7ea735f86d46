"""CloudTrail's trails in the sandbox: what AWS refuses and reports, and moto does not."""

from sandbox.account_guards import TRAIL_BUCKET, TRAIL_NAME, record_account
from tests.ops.stage import REGION, open_stage
from tests.sandbox.conftest import RefusalGetter


def test_a_bucket_that_does_not_let_cloudtrail_write_is_refused(
    get_refusal: RefusalGetter,
) -> None:
    with open_stage() as stage:
        place = {"LocationConstraint": REGION}
        stage.client("s3").create_bucket(Bucket="plain", CreateBucketConfiguration=place)
        code, message = get_refusal(
            stage.client("cloudtrail").create_trail, Name="trail", S3BucketName="plain"
        )
        assert code == "InsufficientS3BucketPolicyException"
        assert message == "Incorrect S3 bucket policy is detected for bucket: plain"


def test_a_trail_reports_what_s3_says_and_records_everything_unless_told_otherwise() -> None:
    with open_stage() as stage:
        record_account(REGION)
        trails = stage.client("cloudtrail")
        assert "LatestDeliveryError" not in trails.get_trail_status(Name=TRAIL_NAME)
        (selector,) = trails.get_event_selectors(TrailName=TRAIL_NAME)["EventSelectors"]
        assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("All", True)
        stage.client("s3").delete_bucket_policy(Bucket=TRAIL_BUCKET)
        assert trails.get_trail_status(Name=TRAIL_NAME)["LatestDeliveryError"] == "AccessDenied"
