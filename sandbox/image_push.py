"""Images in the sandbox's ECR: nothing is built, a manifest is all that a registry needs."""

import hashlib
import json
from typing import Any, Final

MEDIA: Final = "application/vnd.docker.distribution.manifest.v2+json"


def push(ecr: Any, repository: str, tag: str) -> str:
    """Puts an image under a tag; its digest. sandbox/image_behaviour.py reads the tag."""
    digest = hashlib.sha256(f"{repository}:{tag}".encode()).hexdigest()
    layer = {"digest": f"sha256:{digest}", "size": 1, "mediaType": f"{MEDIA}.layer"}
    manifest = {"schemaVersion": 2, "mediaType": MEDIA, "layers": [layer], "config": {"size": 1}}
    made = ecr.put_image(
        repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag
    )
    return str(made["image"]["imageId"]["imageDigest"])
