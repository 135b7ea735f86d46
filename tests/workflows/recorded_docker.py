"""A `docker` and an `aws` for the PATH: an image is a file, until it is pushed into the sandbox.

What is built stands in the folder RECORDED_DOCKER, and so does whether one is logged in.
"""

import os
import sys
from pathlib import Path

HOME = Path(os.environ["RECORDED_DOCKER"])
PASSWORD = "a-token-of-the-registry"


def fails(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(1)


def image(reference: str) -> Path:
    return HOME / reference.replace("/", "_").replace(":", "__")


def build(words: list[str]) -> None:
    assert words[:2] == ["--pull", "--tag"], words
    assert words[3] == "--"
    if not (Path(words[4]) / "Dockerfile").is_file():
        fails("ERROR: failed to read dockerfile: open Dockerfile: no such file or directory")
    image(words[2]).write_text("built", encoding="utf-8")


def login(words: list[str]) -> None:
    assert words[:3] == ["--username", "AWS", "--password-stdin"], words
    if sys.stdin.read().strip() != PASSWORD:
        fails("Error response from daemon: login attempt failed: 401 Unauthorized")
    (HOME / "login").write_text(words[3], encoding="utf-8")


def push(words: list[str]) -> None:
    import boto3

    from sandbox.image_push import push_image

    (reference,) = words
    host, _, rest = reference.partition("/")
    if not image(reference).exists():
        fails("An image does not exist locally with the tag")
    if (HOME / "login").read_text(encoding="utf-8") != host:
        fails("no basic auth credentials")
    repository, _, tag = rest.partition(":")
    digest = push_image(boto3.client("ecr", region_name=host.split(".")[3]), repository, tag)
    image(reference).write_text(f"{host}/{repository}@{digest}", encoding="utf-8")


def inspect(words: list[str]) -> None:
    assert words[:2] == ["--format", "{{index .RepoDigests 0}}"], words
    found = image(words[2]).read_text(encoding="utf-8")
    if "@" not in found:
        fails("template parsing error: index out of range: 0")
    sys.stdout.write(f"{found}\n")


name, *words = sys.argv[1:]
if name == "ecr":
    assert words == ["get-login-password"]
    sys.stdout.write(f"{PASSWORD}\n")
elif (name, words[0]) == ("image", "inspect"):
    inspect(words[1:])
else:
    {"build": build, "login": login, "push": push}[name](words)
