"""Alarms, dashboards, log groups and event rules: one module of Pulumi, three services of AWS."""

from typing import Any, Final

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming

_ALARM: Final = "arn:${partition}:cloudwatch:${region}:${account}:alarm:${id}"
_FOUND: Final = Call("cloudwatch.describe_alarms", {"AlarmNames": ["id"]})


def _metric_alarm(inputs: Inputs) -> Inputs:
    """A metric in a query has its period and statistic beside it in AWS."""
    queries = []
    for query in inputs.pop("metricQueries", None) or []:
        if metric := query.get("metric"):
            metric = dict(metric)
            stat = {k: metric.pop(k) for k in ("period", "stat", "unit") if k in metric}
            query = {**query, "metricStat": {**stat, "metric": metric}}
            del query["metric"]
        queries.append(query)
    if queries:
        inputs["metrics"] = queries
    return inputs


def _composite_alarm(inputs: Inputs) -> Inputs:
    names = {
        "alarm": "actionsSuppressor",
        "extensionPeriod": "actionsSuppressorExtensionPeriod",
        "waitPeriod": "actionsSuppressorWaitPeriod",
    }
    block = inputs.pop("actionsSuppressor", None) or {}
    return inputs | {names[name]: value for name, value in block.items()}


def _event_target(inputs: Inputs) -> Inputs:
    """A target has an id; where none is given the provider makes one up."""
    target: dict[str, Any] = {"Id": inputs.pop("targetId", None) or "target", "Arn": inputs["arn"]}
    names = {"roleArn": "RoleArn", "input": "Input", "inputPath": "InputPath"}
    target |= {names[k]: inputs.pop(k) for k in names if k in inputs}
    if transformer := inputs.pop("inputTransformer", None):
        target["InputTransformer"] = {
            "InputTemplate": transformer["inputTemplate"],
            "InputPathsMap": transformer.get("inputPaths") or {},
        }
    if retry := inputs.pop("retryPolicy", None):
        target["RetryPolicy"] = {k[0].upper() + k[1:]: v for k, v in retry.items()}
    if letters := inputs.pop("deadLetterConfig", None):
        target["DeadLetterConfig"] = {"Arn": letters["arn"]}
    return inputs | {"target": target}


ENTRIES: Entries = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": Entry(
        Call(
            "cloudwatch.put_metric_alarm",
            fit=REST,
            rename={
                "name": "AlarmName",
                "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
            },
        ),
        id="in.name",
        naming=Naming(prefix=None),
        prepare=_metric_alarm,
        outputs={"arn": _ALARM},
        find=_FOUND,
        found="out.MetricAlarms",
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Entry(
        Call("cloudwatch.put_composite_alarm", fit=REST),
        id="in.alarmName",
        prepare=_composite_alarm,
        outputs={"arn": _ALARM},
        find=Call(
            "cloudwatch.describe_alarms",
            {"AlarmNames": ["id"], "AlarmTypes": ["'CompositeAlarm'"]},
        ),
        found="out.CompositeAlarms",
    ),
    "aws:cloudwatch/dashboard:Dashboard": Entry(
        "cloudwatch.put_dashboard",
        id="in.dashboardName",
        outputs={"dashboardArn": "arn:${partition}:cloudwatch::${account}:dashboard/${id}"},
        find=Call("cloudwatch.get_dashboard", {"DashboardName": "id"}),
        found="out.DashboardBody",
    ),
    "aws:cloudwatch/logGroup:LogGroup": Entry(
        "logs.create_log_group",
        id="in.name",
        naming=Naming(limit=512),
        left={"skipDestroy": "it is for the deletion"},
        then=(
            Call(
                "logs.put_retention_policy",
                {"logGroupName": "id", "retentionInDays": "in.retentionInDays"},
                when="in.retentionInDays",
            ),
        ),
        outputs={"arn": "arn:${partition}:logs:${region}:${account}:log-group:${id}"},
        find=Call("logs.describe_log_groups", {"logGroupNamePrefix": "id"}),
        found="among(out.logGroups, 'logGroupName', [id])",
    ),
    "aws:cloudwatch/eventRule:EventRule": Entry(
        "events.put_rule",
        id="in.name",
        naming=Naming(limit=64),
        outputs={"arn": "out.RuleArn"},
        find=Call("events.describe_rule", {"Name": "id"}),
        found="out.Arn",
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Entry(
        Call(
            "events.put_targets",
            {"Rule": "in.rule", "EventBusName": "in.eventBusName", "Targets": ["in.target"]},
        ),
        id="${in.rule}-${in.target.Id}",
        prepare=_event_target,
        left={"arn": "it is in the target"},
        outputs={"targetId": "in.target.Id"},
        find=Call("events.list_targets_by_rule", {"Rule": "in.rule"}),
        found="among(out.Targets, 'Id', [in.target.Id])",
    ),
}
