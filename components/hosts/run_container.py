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

NAME = "app"
INSTANCE_ID = Path("/var/lib/cloud/data/instance-id")
REGISTRY = re.compile(r"^(\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)/")


def output(*command: str) -> str:
    """What a command printed. Raises CalledProcessError, whose text has the command only."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def aws(region: str, *command: str) -> Any:
    """The answer of an AWS call."""
    return json.loads(output("aws", "--region", region, "--output", "json", *command))


def current_image(config: Dict[str, Any]) -> str:  # noqa: UP006
    """The image that operations have named."""
    answer = aws(config["region"], "ssm", "get-parameter", "--name", config["imageParameter"])
    return str(answer["Parameter"]["Value"])


def credentials(config: Dict[str, Any]) -> Dict[str, str]:  # noqa: UP006
    """Variables by name; each secret is asked for once."""
    texts: Dict[str, str] = {}  # noqa: UP006
    found = {}
    for name, source in config["secrets"].items():
        arn, key = source["arn"], source["key"]
        if arn not in texts:
            texts[arn] = secret(config["region"], arn)
        found[name] = texts[arn] if key is None else str(json.loads(texts[arn])[key])
    return found


def secret(region: str, arn: str) -> str:
    """The text of a secret of Secrets Manager, or of an SSM parameter."""
    if ":ssm:" in arn:
        answer = aws(region, "ssm", "get-parameters", "--with-decryption", "--names", arn)
        if not answer["Parameters"]:
            raise SystemExit(f"there is no parameter {arn}")
        return str(answer["Parameters"][0]["Value"])
    answer = aws(region, "secretsmanager", "get-secret-value", "--secret-id", arn)
    return str(answer["SecretString"])


def pull(image: str) -> None:
    """Fetches the image unless it is here: a restart needs no registry."""
    here = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    if here.returncode == 0:
        return
    if private := REGISTRY.match(image):
        host, region = private.groups()
        token = output("aws", "--region", region, "ecr", "get-login-password")
        login = ["docker", "login", "--username", "AWS", "--password-stdin", host]
        subprocess.run(login, check=True, input=token, text=True, stdout=subprocess.DEVNULL)
    subprocess.run(["docker", "pull", "--quiet", image], check=True)


def instance_id() -> str:
    """Names the log stream."""
    return INSTANCE_ID.read_text().strip() if INSTANCE_ID.exists() else os.uname().nodename


def command(config: Dict[str, Any], image: str, names: List[str]) -> List[str]:  # noqa: UP006
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
        "awslogs-stream": instance_id(),
        # A full buffer drops lines instead of stopping the application.
        "mode": "non-blocking",
        "max-buffer-size": "25m",
    }
    return [
        *("docker", "run", "--rm", "--name", NAME, "--read-only", "--init"),
        *(f"--{key}={value}" for key, value in options.items()),
        *(f"--log-opt={key}={value}" for key, value in logs.items()),
        *(f"--env={name}" for name in sorted(names)),
        image,
        *config["command"],
    ]


def main(config: Dict[str, Any]) -> None:  # noqa: UP006
    """Becomes `docker run`."""
    image = current_image(config)
    pull(image)
    variables = {**config["environment"], **credentials(config)}
    print(f"runs {image}", flush=True)  # noqa: T201  the journal
    run = command(config, image, list(variables))
    os.execvpe(run[0], run, {**os.environ, **variables})


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
