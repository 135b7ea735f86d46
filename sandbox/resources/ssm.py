"""Parameters; patch baselines, their groups, and associations."""

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    ResourceEntry,
)


def _prepare_baseline(inputs: EntryInputs) -> EntryInputs:
    """The API has rules in a group, each with a group of filters."""
    rules = [
        {
            **{key: value for key, value in rule.items() if key != "patchFilters"},
            "patchFilterGroup": {"patchFilters": rule["patchFilters"]},
        }
        for rule in inputs["approvalRules"]
    ]
    return {**inputs, "approvalRules": {"patchRules": rules}}


def _prepare_association(inputs: EntryInputs) -> EntryInputs:
    """The API has a list of each parameter's values."""
    parameters = {name: [value] for name, value in (inputs.get("parameters") or {}).items()}
    return {**inputs, "parameters": parameters}


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
    "aws:ssm/patchBaseline:PatchBaseline": ResourceEntry(
        EntryCall("ssm.create_patch_baseline", inputs=REMAINING_INPUTS),
        id="out.BaselineId",
        prepare=_prepare_baseline,
        outputs={"arn": "arn:${partition}:ssm:${region}:${account}:patchbaseline/${id}"},
        find_call=EntryCall(
            "ssm.describe_patch_baselines",
            {"Filters": [{"Key": "'NAME_PREFIX'", "Values": ["in.name"]}]},
        ),
        find_result="among(out.BaselineIdentities, 'BaselineId', [id])",
    ),
    "aws:ssm/patchGroup:PatchGroup": ResourceEntry(
        "ssm.register_patch_baseline_for_patch_group",
        id="${in.patchGroup},${in.baselineId}",
        find_call=EntryCall(
            "ssm.get_patch_baseline_for_patch_group",
            {"PatchGroup": "in.patchGroup", "OperatingSystem": "'AMAZON_LINUX_2023'"},
        ),
        find_result="out.BaselineId == in.baselineId",
    ),
    "aws:ssm/association:Association": ResourceEntry(
        EntryCall("ssm.create_association", inputs=REMAINING_INPUTS),
        id="out.AssociationDescription.AssociationId",
        prepare=_prepare_association,
        outputs={
            "arn": "arn:${partition}:ssm:${region}:${account}:association/${id}",
            "associationId": "id",
        },
        find_call=EntryCall("ssm.describe_association", {"AssociationId": "id"}),
        find_result="out.AssociationDescription",
    ),
}
