#!/usr/bin/python3
"""Runs the container of an instance: python3 run_container.py CONFIG, under systemd.

The image and the credentials are read anew at each start. Credentials go from AWS into the
environment of `docker run`, which hands them on by name: they are in no file, no argument and no
log. Only Python's standard library, the AWS CLI and docker are needed (Python 3.9 and later).
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List  # noqa: UP035  Python 3.9

CONTAINER_NAME = "app"
INSTANCE_ID_FILE = Path("/var/lib/cloud/data/instance-id")
ECR_REGISTRY_PATTERN = re.compile(r"^(\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)/")


def read_command_output(*arguments: str) -> str:
    """What a command printed. Raises CalledProcessError, whose text has the command only."""
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


def call_aws(region: str, *arguments: str) -> Any:
    """The answer of an AWS call."""
    return json.loads(
        read_command_output("aws", "--region", region, "--output", "json", *arguments)
    )


def fetch_image_name(config: Dict[str, Any]) -> str:  # noqa: UP006
    """The image that operations have named."""
    response = call_aws(
        config["region"], "ssm", "get-parameter", "--name", config["imageParameter"]
    )
    return str(response["Parameter"]["Value"])


def fetch_credentials(config: Dict[str, Any]) -> Dict[str, str]:  # noqa: UP006
    """Variables by name; each secret is asked for once."""
    secret_texts: Dict[str, str] = {}  # noqa: UP006
    variables = {}
    for name, source in config["secrets"].items():
        arn, key = source["arn"], source["key"]
        if arn not in secret_texts:
            secret_texts[arn] = fetch_secret(config["region"], arn)
        variables[name] = (
            secret_texts[arn] if key is None else str(json.loads(secret_texts[arn])[key])
        )
    return variables


def fetch_secret(region: str, arn: str) -> str:
    """The text of a secret of Secrets Manager, or of an SSM parameter."""
    if ":ssm:" in arn:
        response = call_aws(region, "ssm", "get-parameters", "--with-decryption", "--names", arn)
        if not response["Parameters"]:
            raise SystemExit(f"there is no parameter {arn}")
        return str(response["Parameters"][0]["Value"])
    response = call_aws(region, "secretsmanager", "get-secret-value", "--secret-id", arn)
    return str(response["SecretString"])


def pull_image(image: str) -> None:
    """Fetches the image unless it is here: a restart needs no registry."""
    inspection = subprocess.run(
        ["docker", "image", "inspect", image], capture_output=True, check=False
    )
    if inspection.returncode == 0:
        return
    if match := ECR_REGISTRY_PATTERN.match(image):
        host, region = match.groups()
        token = read_command_output("aws", "--region", region, "ecr", "get-login-password")
        login_command = ["docker", "login", "--username", "AWS", "--password-stdin", host]
        subprocess.run(login_command, check=True, input=token, text=True, stdout=subprocess.DEVNULL)
    subprocess.run(["docker", "pull", "--quiet", image], check=True)


def read_instance_id() -> str:
    """Names the log stream."""
    return (
        INSTANCE_ID_FILE.read_text().strip() if INSTANCE_ID_FILE.exists() else os.uname().nodename
    )


def build_docker_command(
    config: Dict[str, Any],  # noqa: UP006
    image: str,
    variable_names: List[str],  # noqa: UP006
) -> List[str]:  # noqa: UP006
    """`docker run`, with the variables of the environment that it hands on."""
    options = {
        "log-driver": "awslogs",
        "publish": f"{config['port']}:{config['port']}",
        "user": config["user"],
        "tmpfs": f"/tmp:rw,nosuid,nodev,mode=1777,size={config['tmpMb']}m",
        "cap-drop": "ALL",
        "security-opt": "no-new-privileges",
        "pids-limit": "4096",
        "stop-timeout": "30",
    }
    logs = {
        "awslogs-region": config["region"],
        "awslogs-group": config["logGroup"],
        "awslogs-stream": read_instance_id(),
        # A full buffer drops lines instead of stopping the application.
        "mode": "non-blocking",
        "max-buffer-size": "25m",
    }
    return [
        *("docker", "run", "--rm", "--name", CONTAINER_NAME, "--read-only", "--init"),
        *(f"--{key}={value}" for key, value in options.items()),
        *(f"--log-opt={key}={value}" for key, value in logs.items()),
        *(f"--env={name}" for name in sorted(variable_names)),
        image,
        *config["command"],
    ]


def main(config: Dict[str, Any]) -> None:  # noqa: UP006
    """Becomes `docker run`."""
    image = fetch_image_name(config)
    pull_image(image)
    variables = {**config["environment"], **fetch_credentials(config)}
    print(f"runs {image}", flush=True)  # noqa: T201  the journal
    docker_command = build_docker_command(config, image, list(variables))
    os.execvpe(docker_command[0], docker_command, {**os.environ, **variables})


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
