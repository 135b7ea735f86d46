"""Parameters."""

from sandbox.resources.entry import REMAINING_INPUTS, EntryCall, EntryTable, ResourceEntry

ENTRIES: EntryTable = {
    "aws:ssm/parameter:Parameter": ResourceEntry(
        EntryCall("ssm.put_parameter", inputs=REMAINING_INPUTS, rename={"insecureValue": "Value"}),
        id="in.name",
        ignored_inputs={"hasValueWo": "it says only that there is one"},
        outputs={
            # A name that is a path begins with the slash that an ARN would have before it.
            "arn": "join('', [join(':', ['arn', partition, 'ssm', region, account, 'parameter']),"
            " starts_with(in.name, '/') && '' || '/', in.name])",
            "version": "out.Version",
        },
        find_call=EntryCall("ssm.get_parameter", {"Name": "id"}),
        find_result="out.Parameter",
    ),
}
