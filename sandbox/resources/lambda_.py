"""Functions and who may call them."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pulumi

from sandbox.resources.entry import REST, Call, Entries, Entry, Inputs, Naming


def _function(inputs: Inputs) -> Inputs:
    """The code as a zip file."""
    if isinstance(code := inputs.pop("code", None), (pulumi.Archive, str)):
        inputs["zip"] = _zipped(code)
    return inputs


def _zipped(code: Any) -> bytes:
    """A deployment package of an archive; the same for the same files."""
    if isinstance(code, (str, pulumi.FileArchive)):
        path = Path(code if isinstance(code, str) else code.path)
        if path.is_file():
            return path.read_bytes()
        files = {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}
    elif isinstance(code, pulumi.AssetArchive):
        files = {name: _content(asset) for name, asset in code.assets.items()}
    else:
        raise TypeError(f"code is a {type(code).__name__}, may be a FileArchive or AssetArchive")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in sorted(files.items()):
            package.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _content(asset: object) -> bytes:
    if isinstance(asset, pulumi.StringAsset):
        return asset.text.encode()
    if isinstance(asset, pulumi.FileAsset):
        return Path(str(asset.path)).read_bytes()
    raise TypeError(f"an asset is a {type(asset).__name__}, may be a StringAsset or FileAsset")


ENTRIES: Entries = {
    "aws:lambda/function:Function": Entry(
        Call(
            "lambda.create_function",
            {
                "Code": {
                    "ZipFile": "in.zip",
                    "ImageUri": "in.imageUri",
                    "S3Bucket": "in.s3Bucket",
                    "S3Key": "in.s3Key",
                }
            },
            fit=REST,
            rename={"name": "FunctionName"},
        ),
        id="out.FunctionName",
        naming=Naming(prefix=None, limit=64),
        prepare=_function,
        shown="out",
        left={
            "sourceCodeHash": "the code itself is there",
            "skipDestroy": "it is for the deletion",
        },
        wait="lambda.function_active_v2",
        wait_for={"FunctionName": "id"},
        then=(
            Call(
                "lambda.put_function_concurrency",
                {
                    "FunctionName": "id",
                    "ReservedConcurrentExecutions": "in.reservedConcurrentExecutions",
                },
                when="in.reservedConcurrentExecutions",
            ),
        ),
        outputs={
            "arn": "out.FunctionArn",
            "sourceCodeSize": "out.CodeSize",
            "qualifiedArn": "${out.FunctionArn}:${out.Version}",
            "invokeArn": "arn:${partition}:apigateway:${region}:lambda:path/2015-03-31/functions/"
            "${out.FunctionArn}/invocations",
        },
        find=Call("lambda.get_function", {"FunctionName": "id"}),
        found="out.Configuration",
    ),
    "aws:lambda/permission:Permission": Entry(
        Call("lambda.add_permission", fit=REST, rename={"function": "FunctionName"}),
        id="in.statementId",
        naming=Naming("statementId", "statementIdPrefix", limit=100),
        find=Call("lambda.get_policy", {"FunctionName": "in.function"}),
        found="parsed(out.Policy).Statement",
    ),
}
