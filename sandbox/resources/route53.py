"""Hosted zones and their records."""

from sandbox.resources.entry import EntryCall, EntryInputs, EntryTable, ResourceEntry
from sandbox.resources.type_conversion import require_only_inputs


def _prepare_record(inputs: EntryInputs) -> EntryInputs:
    """One record as Route 53 takes it: an alias, or values with a time to live."""
    require_only_inputs(
        inputs, "zoneId", "name", "type", "ttl", "records", "aliases", "allowOverwrite"
    )
    record = {"Name": inputs["name"], "Type": inputs["type"]}
    if alias := inputs.get("aliases"):
        record["AliasTarget"] = {
            "DNSName": alias[0]["name"],
            "HostedZoneId": alias[0]["zoneId"],
            "EvaluateTargetHealth": alias[0]["evaluateTargetHealth"],
        }
    else:
        record["TTL"] = inputs["ttl"]
        record["ResourceRecords"] = [{"Value": value} for value in inputs["records"]]
    action = "UPSERT" if inputs.get("allowOverwrite") else "CREATE"
    return {"zoneId": inputs["zoneId"], "record": record, "action": action}


ENTRIES: EntryTable = {
    "aws:route53/zone:Zone": ResourceEntry(
        EntryCall(
            "route53.create_hosted_zone",
            {
                "Name": "in.name",
                "CallerReference": "name",
                "HostedZoneConfig": {"Comment": "in.comment || 'Managed by Pulumi'"},
            },
        ),
        id="after(out.HostedZone.Id, '/')",
        later_calls=(
            EntryCall(
                "route53.change_tags_for_resource",
                {"ResourceType": "'hostedzone'", "ResourceId": "id", "AddTags": "pairs(in.tags)"},
                condition="in.tags",
            ),
        ),
        outputs={
            "zoneId": "id",
            "arn": "arn:${partition}:route53:::hostedzone/${id}",
            "nameServers": "out.DelegationSet.NameServers",
            "primaryNameServer": "out.DelegationSet.NameServers[0]",
        },
        find_call=EntryCall("route53.get_hosted_zone", {"Id": "id"}),
        find_result="out.HostedZone",
    ),
    "aws:route53/record:Record": ResourceEntry(
        EntryCall(
            "route53.change_resource_record_sets",
            {
                "HostedZoneId": "in.zoneId",
                "ChangeBatch": {
                    "Changes": [{"Action": "in.action", "ResourceRecordSet": "in.record"}]
                },
            },
        ),
        id="${in.zoneId}_${in.record.Name}_${in.record.Type}",
        prepare=_prepare_record,
        outputs={"fqdn": "in.record.Name"},
        find_call=EntryCall(
            "route53.list_resource_record_sets",
            {
                "HostedZoneId": "in.zoneId",
                "StartRecordName": "in.record.Name",
                "StartRecordType": "in.record.Type",
            },
        ),
        find_result="out.ResourceRecordSets",
    ),
}
