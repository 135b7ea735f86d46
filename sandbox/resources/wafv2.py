"""Web ACLs, what they guard and where they log."""

from sandbox.resources.entry import REST, Call, Entries, Entry, Naming

ENTRIES: Entries = {
    "aws:wafv2/webAcl:WebAcl": Entry(
        "wafv2.create_web_acl",
        id="out.Summary.Id",
        naming=Naming(limit=128),
        shown="out.Summary",
        then=(
            Call(
                "wafv2.get_web_acl",
                {"Id": "id", "Name": "in.name", "Scope": "in.scope"},
                keep="seen",
            ),
        ),
        outputs={"arn": "out.Summary.ARN", "capacity": "seen.WebACL.Capacity"},
        find=Call("wafv2.get_web_acl", {"Id": "id", "Name": "in.name", "Scope": "in.scope"}),
        found="out.WebACL",
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Entry(
        "wafv2.associate_web_acl",
        id="${in.webAclArn},${in.resourceArn}",
        find=Call("wafv2.get_web_acl_for_resource", {"ResourceArn": "in.resourceArn"}),
        found="out.WebACL",
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Entry(
        Call("wafv2.put_logging_configuration", fit=REST, into="LoggingConfiguration"),
        id="out.LoggingConfiguration.ResourceArn",
        find=Call("wafv2.get_logging_configuration", {"ResourceArn": "id"}),
        found="out.LoggingConfiguration",
    ),
}
