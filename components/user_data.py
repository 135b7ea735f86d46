"""User data of the fleet's instances: cloud-init's configuration, as data.

An instance installs the AWS CLI and the CloudWatch agent, which the ECS-optimized AMI lacks, and
then keeps one container running as a systemd unit. The ECS agent stays off.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pulumi import Input, Output, RunError

from components.alarm_registry.services import CLOUDWATCH_AGENT_NAMESPACE
from components.policies import format_compact_json

# Before base64 (Amazon EC2 User Guide, "Run commands when you launch an EC2 instance").
MAX_USER_DATA_BYTES: Final = 16_384
RUN_CONTAINER_FILE: Final = Path(__file__).parent / "hosts" / "run_container.py"

# What the CloudWatch agent measures: by instance, and added up for the Auto Scaling group.
AGENT_CONFIG: Final = {
    "agent": {"metrics_collection_interval": 60, "run_as_user": "cwagent"},
    "metrics": {
        "namespace": CLOUDWATCH_AGENT_NAMESPACE,
        "append_dimensions": {
            "AutoScalingGroupName": "${aws:AutoScalingGroupName}",
            "InstanceId": "${aws:InstanceId}",
        },
        "aggregation_dimensions": [["AutoScalingGroupName"]],
        "metrics_collected": {
            "mem": {"measurement": ["mem_used_percent"]},
            "disk": {
                "measurement": ["used_percent"],
                "resources": ["/"],
                "drop_device": True,
            },
        },
    },
}

# `start --no-block`: docker may wait for the end of cloud-init, which waits for this script.
BOOT_SCRIPT: Final = """\
#!/bin/bash
set -uo pipefail
systemctl mask --now ecs.service
for attempt in 1 2 3 4 5 6; do
  dnf --quiet --assumeyes install awscli-2 amazon-cloudwatch-agent && break
  sleep 10
done
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl \\
  -a fetch-config -m ec2 -s -c file:{home}/metrics.json
systemctl daemon-reload
systemctl enable docker.service {unit}.service
systemctl start --no-block {unit}.service
"""
SYSTEMD_UNIT: Final = """\
[Unit]
Description=The container of this instance
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
RuntimeDirectory={unit}
RuntimeDirectoryMode=0700
Environment=DOCKER_CONFIG=/run/{unit}
ExecStartPre=-/usr/bin/docker rm --force app
ExecStart=/usr/bin/python3 {home}/run_container.py {home}/container.json
ExecStop=/usr/bin/docker stop app
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def build_user_data(project: str, container_config: Mapping[str, Any]) -> Output[str]:
    """Base64 text for a launch template; `container` is the configuration of run_container.py.

    Raises pulumi.RunError if it is longer than EC2 takes.
    """
    install_path = f"/opt/{project}"
    replacements = {"home": install_path, "unit": project}
    files: list[tuple[str, Input[str], str]] = [
        (
            f"{install_path}/container.json",
            Output.json_dumps(container_config, sort_keys=True),
            "0600",
        ),
        (f"{install_path}/metrics.json", format_compact_json(AGENT_CONFIG), "0644"),
        (f"{install_path}/run_container.py", RUN_CONTAINER_FILE.read_text(), "0755"),
        (f"{install_path}/boot", BOOT_SCRIPT.format(**replacements), "0755"),
        (f"/etc/systemd/system/{project}.service", SYSTEMD_UNIT.format(**replacements), "0644"),
    ]
    # JSON is YAML, so no value can break out of its place.
    config = Output.json_dumps(
        {
            "write_files": [
                {"path": path, "content": content, "permissions": mode, "owner": "root:root"}
                for path, content, mode in files
            ],
            "runcmd": [[f"{install_path}/boot"]],
        },
        sort_keys=True,
    )
    return config.apply(lambda text: _encode_user_data(project, text))


def _encode_user_data(project: str, config: str) -> str:
    text = f"#cloud-config\n{config}\n".encode()
    if len(text) > MAX_USER_DATA_BYTES:
        raise RunError(
            f"{project}:fleet.environment and fleet.command are too long, must be "
            f"{len(text) - MAX_USER_DATA_BYTES} bytes shorter: the user data of an instance has at "
            f"most {MAX_USER_DATA_BYTES} bytes, and these make {len(text)}"
        )
    return base64.b64encode(text).decode()
