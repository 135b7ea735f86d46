"""Functions and who may call them."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pulumi

from sandbox.resources.entry import (
    REMAINING_INPUTS,
    EntryCall,
    EntryInputs,
    EntryTable,
    PhysicalNaming,
    ResourceEntry,
)


def _prepare_function(inputs: EntryInputs) -> EntryInputs:
    """The code as a zip file."""
    if isinstance(code := inputs.pop("code", None), (pulumi.Archive, str)):
        inputs["zip"] = _build_zip(code)
    return inputs


def _build_zip(code: Any) -> bytes:
    """A deployment package of an archive; the same for the same files."""
    if isinstance(code, (str, pulumi.FileArchive)):
        path = Path(code if isinstance(code, str) else code.path)
        if path.is_file():
            return path.read_bytes()
        files = {
            str(file_path.relative_to(path)): file_path.read_bytes()
            for file_path in path.rglob("*")
            if file_path.is_file()
        }
    elif isinstance(code, pulumi.AssetArchive):
        files = {name: _read_asset(asset) for name, asset in code.assets.items()}
    else:
        raise TypeError(f"code is a {type(code).__name__}, must be a FileArchive or AssetArchive")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in sorted(files.items()):
            package.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _read_asset(asset: object) -> bytes:
    if isinstance(asset, pulumi.StringAsset):
        return asset.text.encode()
    if isinstance(asset, pulumi.FileAsset):
        return Path(str(asset.path)).read_bytes()
    raise TypeError(f"an asset is a {type(asset).__name__}, must be a StringAsset or FileAsset")


ENTRIES: EntryTable = {
    "aws:lambda/function:Function": ResourceEntry(
        EntryCall(
            "lambda.create_function",
            {
                "Code": {
                    "ZipFile": "in.zip",
                    "ImageUri": "in.imageUri",
                    "S3Bucket": "in.s3Bucket",
                    "S3Key": "in.s3Key",
                }
            },
            inputs=REMAINING_INPUTS,
            rename={"name": "FunctionName"},
        ),
        id="out.FunctionName",
        naming=PhysicalNaming(prefix=None, max_length=64),
        prepare=_prepare_function,
        description="out",
        ignored_inputs={
            "sourceCodeHash": "the code itself is there",
            "skipDestroy": "it is for the deletion",
        },
        waiter="lambda.function_active_v2",
        waiter_params={"FunctionName": "id"},
        later_calls=(
            EntryCall(
                "lambda.put_function_concurrency",
                {
                    "FunctionName": "id",
                    "ReservedConcurrentExecutions": "in.reservedConcurrentExecutions",
                },
                condition="in.reservedConcurrentExecutions",
            ),
        ),
        outputs={
            "arn": "out.FunctionArn",
            "sourceCodeSize": "out.CodeSize",
            "qualifiedArn": "${out.FunctionArn}:${out.Version}",
            "invokeArn": "arn:${partition}:apigateway:${region}:lambda:path/2015-03-31/functions/"
            "${out.FunctionArn}/invocations",
        },
        find_call=EntryCall("lambda.get_function", {"FunctionName": "id"}),
        find_result="out.Configuration",
    ),
    "aws:lambda/permission:Permission": ResourceEntry(
        EntryCall(
            "lambda.add_permission", inputs=REMAINING_INPUTS, rename={"function": "FunctionName"}
        ),
        id="in.statementId",
        naming=PhysicalNaming("statementId", "statementIdPrefix", max_length=100),
        find_call=EntryCall("lambda.get_policy", {"FunctionName": "in.function"}),
        find_result="parsed(out.Policy).Statement",
    ),
}
