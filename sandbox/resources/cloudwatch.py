"""Alarms, dashboards, log groups and event rules: one module of Pulumi, three services of AWS."""

from typing import Any, Final

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

_ALARM_ARN: Final = "arn:${partition}:cloudwatch:${region}:${account}:alarm:${id}"
_DESCRIBE_ALARM: Final = EntryCall("cloudwatch.describe_alarms", {"AlarmNames": ["id"]})


def _prepare_metric_alarm(inputs: EntryInputs) -> EntryInputs:
    """A metric in a query has its period and statistic beside it in AWS."""
    queries = []
    for query in inputs.pop("metricQueries", None) or []:
        if metric := query.get("metric"):
            metric = dict(metric)
            stat = {key: metric.pop(key) for key in ("period", "stat", "unit") if key in metric}
            query = {**query, "metricStat": {**stat, "metric": metric}}
            del query["metric"]
        queries.append(query)
    if queries:
        inputs["metrics"] = queries
    return inputs


def _prepare_composite_alarm(inputs: EntryInputs) -> EntryInputs:
    names = {
        "alarm": "actionsSuppressor",
        "extensionPeriod": "actionsSuppressorExtensionPeriod",
        "waitPeriod": "actionsSuppressorWaitPeriod",
    }
    block = inputs.pop("actionsSuppressor", None) or {}
    return inputs | {names[name]: value for name, value in block.items()}


def _prepare_event_target(inputs: EntryInputs) -> EntryInputs:
    """A target has an id; where none is given the provider makes one up."""
    target: dict[str, Any] = {"Id": inputs.pop("targetId", None) or "target", "Arn": inputs["arn"]}
    names = {"roleArn": "RoleArn", "input": "Input", "inputPath": "InputPath"}
    target |= {names[key]: inputs.pop(key) for key in names if key in inputs}
    if transformer := inputs.pop("inputTransformer", None):
        target["InputTransformer"] = {
            "InputTemplate": transformer["inputTemplate"],
            "InputPathsMap": transformer.get("inputPaths") or {},
        }
    if retry := inputs.pop("retryPolicy", None):
        target["RetryPolicy"] = {key[0].upper() + key[1:]: value for key, value in retry.items()}
    if dead_letter_config := inputs.pop("deadLetterConfig", None):
        target["DeadLetterConfig"] = {"Arn": dead_letter_config["arn"]}
    return inputs | {"target": target}


ENTRIES: EntryTable = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": ResourceEntry(
        EntryCall(
            "cloudwatch.put_metric_alarm",
            inputs=REMAINING_INPUTS,
            rename={
                "name": "AlarmName",
                "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
            },
        ),
        id="in.name",
        naming=PhysicalNaming(prefix=None),
        prepare=_prepare_metric_alarm,
        outputs={"arn": _ALARM_ARN},
        find_call=_DESCRIBE_ALARM,
        find_result="out.MetricAlarms",
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ResourceEntry(
        EntryCall("cloudwatch.put_composite_alarm", inputs=REMAINING_INPUTS),
        id="in.alarmName",
        prepare=_prepare_composite_alarm,
        outputs={"arn": _ALARM_ARN},
        find_call=EntryCall(
            "cloudwatch.describe_alarms",
            {"AlarmNames": ["id"], "AlarmTypes": ["'CompositeAlarm'"]},
        ),
        find_result="out.CompositeAlarms",
    ),
    "aws:cloudwatch/dashboard:Dashboard": ResourceEntry(
        "cloudwatch.put_dashboard",
        id="in.dashboardName",
        outputs={"dashboardArn": "arn:${partition}:cloudwatch::${account}:dashboard/${id}"},
        find_call=EntryCall("cloudwatch.get_dashboard", {"DashboardName": "id"}),
        find_result="out.DashboardBody",
    ),
    "aws:cloudwatch/logGroup:LogGroup": ResourceEntry(
        "logs.create_log_group",
        id="in.name",
        naming=PhysicalNaming(max_length=512),
        ignored_inputs={"skipDestroy": "it is for the deletion"},
        later_calls=(
            EntryCall(
                "logs.put_retention_policy",
                {"logGroupName": "id", "retentionInDays": "in.retentionInDays"},
                condition="in.retentionInDays",
            ),
        ),
        outputs={"arn": "arn:${partition}:logs:${region}:${account}:log-group:${id}"},
        find_call=EntryCall("logs.describe_log_groups", {"logGroupNamePrefix": "id"}),
        find_result="among(out.logGroups, 'logGroupName', [id])",
    ),
    "aws:cloudwatch/queryDefinition:QueryDefinition": ResourceEntry(
        "logs.put_query_definition",
        id="out.queryDefinitionId",
        naming=PhysicalNaming(max_length=255),
        outputs={
            "queryDefinitionId": "out.queryDefinitionId",
            "arn": "arn:${partition}:logs:${region}:${account}:query-definition:${id}",
        },
        find_call=EntryCall(
            "logs.describe_query_definitions", {"queryDefinitionNamePrefix": "in.name"}
        ),
        find_result="among(out.queryDefinitions, 'queryDefinitionId', [id])",
    ),
    "aws:cloudwatch/eventRule:EventRule": ResourceEntry(
        "events.put_rule",
        id="in.name",
        naming=PhysicalNaming(max_length=64),
        outputs={"arn": "out.RuleArn"},
        find_call=EntryCall("events.describe_rule", {"Name": "id"}),
        find_result="out.Arn",
    ),
    "aws:cloudwatch/eventTarget:EventTarget": ResourceEntry(
        EntryCall(
            "events.put_targets",
            {"Rule": "in.rule", "EventBusName": "in.eventBusName", "Targets": ["in.target"]},
        ),
        id="${in.rule}-${in.target.Id}",
        prepare=_prepare_event_target,
        ignored_inputs={"arn": "it is in the target"},
        outputs={"targetId": "in.target.Id"},
        find_call=EntryCall("events.list_targets_by_rule", {"Rule": "in.rule"}),
        find_result="among(out.Targets, 'Id', [in.target.Id])",
    ),
}
