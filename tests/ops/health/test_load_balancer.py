"""The health checks of the load balancer, its targets and its certificate."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest.mock import patch

import pytest

from ops.core.checks import UnknownAnswerError
from ops.health.requests import check_stack_url, check_url
from tests.ops.health.test_case import HealthCaseTests
from tests.ops.health_answers import (
    METRIC_DATA_API,
    TARGET_GROUP_NAMES,
    AwsAnswers,
    answer_certificate,
    answer_host_counts,
    answer_requests,
    answer_target_health,
)
from tests.ops.health_cases import REFRESH_COMMAND, HealthCase, run_health_check
from tests.ops.single_check import format_time_ago
from tests.ops.stage import build_stack_outputs

BALANCERS_API = "elbv2.describe_load_balancers"
LOAD_BALANCER_CASES: list[HealthCase] = [
    (
        "balancer",
        "load balancer",
        {BALANCERS_API: [{"State": {"Code": "active"}}]},
        [
            (
                {BALANCERS_API: [{"State": {"Code": "failed", "Reason": "no address"}}]},
                "is failed: no address",
                REFRESH_COMMAND,
            ),
            ({BALANCERS_API: []}, "is gone", REFRESH_COMMAND),
        ],
    ),
    (
        "balancer",
        "answers",
        answer_requests(RequestCount=1000, HTTPCode_Target_5XX_Count=40),
        [
            (
                answer_requests(RequestCount=400, HTTPCode_Target_5XX_Count=400),
                "400 of 400 requests of the last 15 minutes were answered with 5xx: 400 by targets",
                "ops health --only logs,balancer",
            ),
            (
                answer_requests(HTTPCode_ELB_5XX_Count=50),  # no target could be chosen
                "50 of 50 requests",
                "ops service tasks",
            ),
        ],
    ),
    (
        "balancer",
        "targets",
        answer_target_health("healthy", "draining"),
        [
            (
                answer_target_health("healthy", "unhealthy"),
                "1 of 2 are healthy: unhealthy (timed out)",
                "ops service tasks --service backend",
            ),
            (answer_target_health(), "0 of 0 are healthy", "ops service tasks --service backend"),
            (
                answer_target_health("initial"),
                "0 of 1 are healthy",
                "ops service tasks --service backend",
            ),
        ],
    ),
    (
        "balancer",
        "many targets",
        answer_host_counts(),
        [
            (
                answer_host_counts(group_007=1),
                "1 of 2 are healthy: unhealthy (timed out)",
                "ops service tasks --service group-007",
            ),
            (
                {**answer_host_counts(group_001=2), **answer_target_health()},
                "0 of 0 are healthy",
                "ops service tasks",
            ),
        ],
    ),
    (
        "certificate",
        "certificate",
        answer_certificate(),
        [
            (
                answer_certificate(NotAfter=format_time_ago(days=-40)),
                "until",
                "ops certificate check",
            ),
            (answer_certificate(Status="EXPIRED"), "expired", "ops certificate check"),
            (
                answer_certificate(RenewalSummary={"RenewalStatus": "FAILED"}),
                "renewal failed",
                "ops certificate check",
            ),
            ({"acm.describe_certificate": []}, "is gone", REFRESH_COMMAND),
        ],
    ),
]


class TestLoadBalancerCases(HealthCaseTests):
    cases = LOAD_BALANCER_CASES


def test_many_target_groups_are_judged_by_metric_and_few_are_described() -> None:
    bad = {name.replace("-", "_"): 1 for name in TARGET_GROUP_NAMES[10:40]}
    findings = run_health_check("balancer", "many targets", answer_host_counts(**bad))
    assert {f.state for f in findings} == {"failing"}
    assert [f.subject for f in findings] == [
        f"targets of {name}" for name in TARGET_GROUP_NAMES[10:40]
    ]
    assert [f.evidence.endswith("by their metric") for f in findings] == [False] * 20 + [True] * 10
    denied = {
        **answer_host_counts(**bad),
        "elbv2.describe_target_health": UnknownAnswerError("denied"),
    }
    assert [f.state for f in run_health_check("balancer", "many targets", denied)][:20] == [
        "unknown"
    ] * 20


def test_a_group_without_data_is_described() -> None:
    answers = {
        **answer_target_health("healthy"),
        "cloudwatch.get_metric_data": answer_host_counts()[METRIC_DATA_API][2:],
    }
    (finding,) = run_health_check("balancer", "many targets", answers)
    assert finding.state == "ok"
    assert "all of 60" in finding.evidence


@pytest.mark.parametrize(
    ("answers", "evidence"),
    [
        (answer_requests(), "no request in the last 15 minutes"),
        (answer_requests(RequestCount=2, HTTPCode_Target_5XX_Count=2), "2 of 2 requests"),
    ],
)
def test_without_requests_and_with_a_few_errors_nothing_is_concluded(
    answers: AwsAnswers, evidence: str
) -> None:
    (finding,) = run_health_check("balancer", "answers", answers)
    assert finding.state == "ok"
    assert evidence in finding.evidence


class _StatusHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_one_real_request_is_judged_by_its_answer() -> None:
    server = HTTPServer(("127.0.0.1", 0), _StatusHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        assert check_url(f"{url}/200").state == "ok"
        failing = check_url(f"{url}/500")
        assert (failing.state, failing.subject) == ("failing", f"{url}/500")
        assert "answers with 500" in failing.evidence
    finally:
        server.shutdown()
        server.server_close()
    gone = check_url(url)
    assert gone.state == "unknown"
    assert "no answer from here" in gone.evidence


@pytest.mark.parametrize(
    ("answer", "state", "evidence"),
    [
        ({"status": 200, "digest": ""}, "ok", "answers with 200"),
        ({"status": 500, "reason": ""}, "failing", "answers with 500"),
        (
            {"status": 0, "reason": "timed out"},
            "unknown",
            "no answer from here: timed out; the load balancer is internal: ask from its VPC or a "
            "network connected to it",
        ),
    ],
)
def test_an_internal_load_balancer_that_cannot_be_asked_from_here_is_unknown_with_the_reason(
    answer: dict[str, object], state: str, evidence: str
) -> None:
    part = build_stack_outputs().load_balancer
    assert part is not None
    internal = part.model_copy(update={"internal": True})
    with patch("ops.health.requests.fetch_url", return_value=answer):
        finding = check_stack_url(internal)
    assert (finding.state, finding.evidence) == (state, evidence)


@pytest.mark.parametrize(
    ("answer", "state", "evidence"),
    [
        ({"status": 200, "digest": ""}, "ok", "answers with 200"),
        ({"status": 404, "reason": "Not Found"}, "ok", "answers with 404 Not Found"),
        ({"status": 500, "reason": "Oops"}, "failing", "answers with 500 Oops"),
        ({"status": 503, "reason": ""}, "failing", "answers with 503"),
        ({"status": 0, "reason": "timed out"}, "unknown", "no answer from here: timed out"),
    ],
)
def test_only_5xx_of_the_stacks_own_url_is_a_fault_and_no_answer_is_unknown(
    answer: dict[str, object], state: str, evidence: str
) -> None:
    part = build_stack_outputs().load_balancer
    assert part is not None
    with patch("ops.health.requests.fetch_url", return_value=answer) as fetch_url:
        finding = check_stack_url(part)
    assert (finding.state, finding.subject, finding.evidence) == (state, part.url, evidence)
    assert [call.args[0] for call in fetch_url.call_args_list] == [part.url]
