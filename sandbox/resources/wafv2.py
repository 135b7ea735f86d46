"""Web ACLs, what they guard and where they log."""

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)

ENTRIES: EntryTable = {
    "aws:wafv2/webAcl:WebAcl": ResourceEntry(
        "wafv2.create_web_acl",
        id="out.Summary.Id",
        naming=PhysicalNaming(max_length=128),
        description="out.Summary",
        later_calls=(
            EntryCall(
                "wafv2.get_web_acl",
                {"Id": "id", "Name": "in.name", "Scope": "in.scope"},
                result_name="seen",
            ),
        ),
        outputs={"arn": "out.Summary.ARN", "capacity": "seen.WebACL.Capacity"},
        find_call=EntryCall(
            "wafv2.get_web_acl", {"Id": "id", "Name": "in.name", "Scope": "in.scope"}
        ),
        find_result="out.WebACL",
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": ResourceEntry(
        "wafv2.associate_web_acl",
        id="${in.webAclArn},${in.resourceArn}",
        find_call=EntryCall("wafv2.get_web_acl_for_resource", {"ResourceArn": "in.resourceArn"}),
        find_result="out.WebACL",
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": ResourceEntry(
        EntryCall(
            "wafv2.put_logging_configuration",
            inputs=REMAINING_INPUTS,
            params_member="LoggingConfiguration",
        ),
        id="out.LoggingConfiguration.ResourceArn",
        find_call=EntryCall("wafv2.get_logging_configuration", {"ResourceArn": "id"}),
        find_result="out.LoggingConfiguration",
    ),
}
