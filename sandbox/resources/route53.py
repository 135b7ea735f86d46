"""Hosted zones and their records."""

from sandbox.resources.entry import Call, Entries, Entry, Inputs
from sandbox.resources.type_conversion import nothing_but


def _record(inputs: Inputs) -> Inputs:
    """One record as Route 53 takes it: an alias, or values with a time to live."""
    nothing_but(inputs, "zoneId", "name", "type", "ttl", "records", "aliases", "allowOverwrite")
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


ENTRIES: Entries = {
    "aws:route53/zone:Zone": Entry(
        Call(
            "route53.create_hosted_zone",
            {
                "Name": "in.name",
                "CallerReference": "name",
                "HostedZoneConfig": {"Comment": "in.comment || 'Managed by Pulumi'"},
            },
        ),
        id="after(out.HostedZone.Id, '/')",
        then=(
            Call(
                "route53.change_tags_for_resource",
                {"ResourceType": "'hostedzone'", "ResourceId": "id", "AddTags": "pairs(in.tags)"},
                when="in.tags",
            ),
        ),
        outputs={
            "zoneId": "id",
            "arn": "arn:${partition}:route53:::hostedzone/${id}",
            "nameServers": "out.DelegationSet.NameServers",
            "primaryNameServer": "out.DelegationSet.NameServers[0]",
        },
        find=Call("route53.get_hosted_zone", {"Id": "id"}),
        found="out.HostedZone",
    ),
    "aws:route53/record:Record": Entry(
        Call(
            "route53.change_resource_record_sets",
            {
                "HostedZoneId": "in.zoneId",
                "ChangeBatch": {
                    "Changes": [{"Action": "in.action", "ResourceRecordSet": "in.record"}]
                },
            },
        ),
        id="${in.zoneId}_${in.record.Name}_${in.record.Type}",
        prepare=_record,
        outputs={"fqdn": "in.record.Name"},
        find=Call(
            "route53.list_resource_record_sets",
            {
                "HostedZoneId": "in.zoneId",
                "StartRecordName": "in.record.Name",
                "StartRecordType": "in.record.Type",
            },
        ),
        found="out.ResourceRecordSets",
    ),
}
