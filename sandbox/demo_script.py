"""The demo's script: which lines are typed on a stack, by what the stack has."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.run import Target
from ops.outputs import Outputs, read
from sandbox.aws import client
from sandbox.clients.http_client import Asker
from sandbox.clients.writer import Writer
from sandbox.demo_steps import Act, Client, Stage, Who
from sandbox.image_push import push
from sandbox.running_stack import Up

LARGER = "db.m7g.large"
DRILLS: Final = "drills.html"
BAD, GOOD = "v2-never-healthy", "v3"


def stage(it: Up) -> Stage:
    """The stack with what the acts need: images in its registry, clients that may use it."""
    outputs = read(it.deployment.exports)
    for url in (outputs.registry.repositories if outputs.registry else {}).values():
        ecr = client("ecr", outputs.stack.region)
        for tag in (BAD, GOOD):
            push(ecr, url.partition("/")[2], tag)

    def credentials() -> Mapping[str, Any]:
        secrets = client("secretsmanager", outputs.stack.region)
        answer = secrets.get_secret_value(SecretId=outputs.database.secret_arn)
        found: Mapping[str, Any] = json.loads(answer["SecretString"])
        return found

    @contextmanager
    def using(who: Who) -> Iterator[Client]:
        with Writer(credentials) if who == "writer" else Asker(f"{it.site}/api/orders") as made:
            yield made

    return Stage(it, Target(outputs, Aws(outputs.stack.region)), using)


def acts(it: Up, folder: Path) -> list[Act]:
    """What is typed, in this order. Pages that are written go to the folder."""
    outputs = read(it.deployment.exports)
    return [
        Act("How is it?", "health"),
        Act(
            "A snapshot, while a client writes",
            "db snapshot create --yes --reason 'before the release'",
            client="writer",
        ),
        *_services(outputs, it.site),
        *_resize(outputs),
        Act("And now?", "health"),
        # Seconds of ours are minutes of a clock that is so much faster: the objectives are wider.
        Act(
            "The monthly drill: restored beside itself, asked, measured, deleted",
            f"recover drill --yes --rto 90 --rpo 30 --to {folder / DRILLS}",
        ),
    ]


def _services(outputs: Outputs, site: str | None) -> Iterator[Act]:
    services: Mapping[str, Any] = outputs.services.services if outputs.services else {}
    repositories = outputs.registry.repositories if outputs.registry else {}
    name = next((n for n in services if n in repositories), None)
    if name is None:
        return
    asker: Who | None = "asker" if site else None
    image = repositories[name]
    yield Act("More tasks", f"service scale 4 --service {name} --yes", client=asker)
    yield Act(
        "A bad image: nobody is to notice, and it goes back by itself",
        f"service deploy {image}:{BAD} --service {name} --yes",
        code=5,
        client=asker,
    )
    yield Act("A good one", f"service deploy {image}:{GOOD} --service {name} --yes", client=asker)


def _resize(outputs: Outputs) -> Iterator[Act]:
    yield Act(
        "A larger database; the process is killed in the middle of it",
        f"db resize {LARGER} --yes --reason 'a laptop that is closed'",
        killed_at=f"make {outputs.database.identifier} a {LARGER}",
    )
    yield Act("What was it?", "runs list --limit 1")
    yield Act("Carried on, while a client writes", "runs resume RUN", client="writer")
    yield Act("What happened, and when", "runs report RUN")
