"""Images in the sandbox's ECR: nothing is built, a registry needs only a manifest."""

import hashlib
import json
from typing import Any, Final

MANIFEST_MEDIA_TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"


def build_manifest(repository: str, tag: str) -> dict[str, Any]:
    """Builds the manifest of an image that no other tag of a repository has."""
    digest = hashlib.sha256(f"{repository}:{tag}".encode()).hexdigest()
    layer = {"digest": f"sha256:{digest}", "size": 1, "mediaType": f"{MANIFEST_MEDIA_TYPE}.layer"}
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_MEDIA_TYPE,
        "layers": [layer],
        "config": {"size": 1},
    }


def push_image(ecr: Any, repository: str, tag: str) -> str:
    """Pushes an image with a tag; returns its digest. sandbox/image_behaviour.py reads the tag."""
    manifest = build_manifest(repository, tag)
    response = ecr.put_image(
        repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag
    )
    return str(response["image"]["imageId"]["imageDigest"])
