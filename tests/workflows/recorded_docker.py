"""A `docker` and an `aws` for the PATH: an image is a file, until it is pushed into the sandbox.

What is built stands in the folder RECORDED_DOCKER, and so does whether one is logged in.
"""

import os
import sys
from pathlib import Path

DOCKER_HOME = Path(os.environ["RECORDED_DOCKER"])
REGISTRY_PASSWORD = "a-token-of-the-registry"


def exit_as_docker(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(1)


def get_image_file(reference: str) -> Path:
    return DOCKER_HOME / reference.replace("/", "_").replace(":", "__")


def build_image(words: list[str]) -> None:
    assert words[:2] == ["--pull", "--tag"], words
    assert words[3] == "--"
    if not (Path(words[4]) / "Dockerfile").is_file():
        exit_as_docker(
            "ERROR: failed to read dockerfile: open Dockerfile: no such file or directory"
        )
    get_image_file(words[2]).write_text("built", encoding="utf-8")


def save_image(words: list[str]) -> None:
    assert words[0] == "--output", words
    if not get_image_file(words[2]).exists():
        exit_as_docker(f"Error response from daemon: reference does not exist: {words[2]}")
    Path(words[1]).write_text(words[2], encoding="utf-8")


def load_image(words: list[str]) -> None:
    assert words[0] == "--input", words
    get_image_file(Path(words[1]).read_text(encoding="utf-8")).write_text("built", encoding="utf-8")


def tag_image(words: list[str]) -> None:
    source, target = words
    if not get_image_file(source).exists():
        exit_as_docker(f"Error response from daemon: No such image: {source}")
    get_image_file(target).write_text("built", encoding="utf-8")


def run_scanner(words: list[str]) -> None:
    """The scanner by its digest, which sees the image's file and nothing else."""
    assert words[:2] == ["--rm", "--volume"], words
    volume, image, *arguments = words[2:]
    assert "@sha256:" in image, image
    source, target, mode = volume.split(":")
    assert (mode, arguments[:3]) == ("ro", ["image", "--input", target]), words
    if "vulnerable" in Path(source).read_text(encoding="utf-8"):
        raise SystemExit(int(arguments[arguments.index("--exit-code") + 1]))


def log_in(words: list[str]) -> None:
    assert words[:3] == ["--username", "AWS", "--password-stdin"], words
    if sys.stdin.read().strip() != REGISTRY_PASSWORD:
        exit_as_docker("Error response from daemon: login attempt failed: 401 Unauthorized")
    (DOCKER_HOME / "login").write_text(words[3], encoding="utf-8")


def push_built_image(words: list[str]) -> None:
    import boto3

    from sandbox.image_push import push_image

    (reference,) = words
    host, _, rest = reference.partition("/")
    if not get_image_file(reference).exists():
        exit_as_docker("An image does not exist locally with the tag")
    if (DOCKER_HOME / "login").read_text(encoding="utf-8") != host:
        exit_as_docker("no basic auth credentials")
    repository, _, tag = rest.partition(":")
    digest = push_image(boto3.client("ecr", region_name=host.split(".")[3]), repository, tag)
    get_image_file(reference).write_text(f"{host}/{repository}@{digest}", encoding="utf-8")


def inspect_image(words: list[str]) -> None:
    assert words[:2] == ["--format", "{{index .RepoDigests 0}}"], words
    reference = get_image_file(words[2]).read_text(encoding="utf-8")
    if "@" not in reference:
        exit_as_docker("template parsing error: index out of range: 0")
    sys.stdout.write(f"{reference}\n")


name, *words = sys.argv[1:]
if name == "ecr":
    assert words == ["get-login-password"]
    sys.stdout.write(f"{REGISTRY_PASSWORD}\n")
elif (name, words[0]) == ("image", "inspect"):
    inspect_image(words[1:])
else:
    {
        "build": build_image,
        "load": load_image,
        "login": log_in,
        "push": push_built_image,
        "run": run_scanner,
        "save": save_image,
        "tag": tag_image,
    }[name](words)
