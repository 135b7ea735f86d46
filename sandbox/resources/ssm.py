"""Parameters."""

from sandbox.resources.entry import REST, Call, Entries, Entry

ENTRIES: Entries = {
    "aws:ssm/parameter:Parameter": Entry(
        Call("ssm.put_parameter", fit=REST, rename={"insecureValue": "Value"}),
        id="in.name",
        left={"hasValueWo": "it says only that there is one"},
        outputs={
            # A name that is a path begins with the slash that an ARN would have before it.
            "arn": "join('', [join(':', ['arn', partition, 'ssm', region, account, 'parameter']),"
            " starts_with(in.name, '/') && '' || '/', in.name])",
            "version": "out.Version",
        },
        find=Call("ssm.get_parameter", {"Name": "id"}),
        found="out.Parameter",
    ),
}
