"""Another image on the fleet: the parameter that names it, then every instance anew."""

from dataclasses import replace
from typing import Final

from ops.core.aws import Aws
from ops.core.errors import UsageError
from ops.core.plan import Call, Plan, Step, Wait
from ops.core.stack_plan import build_stack_plan
from ops.fleet import model as fleet
from ops.fleet.model import Fleet
from ops.fleet.refresh import before, said
from ops.fleet.refresh_steps import BACK, How, Ours, begin, confirm, stop
from ops.fleet.scale import healthy
from ops.outputs import Outputs
from ops.services.deploy import answers
from ops.services.images import ContainerImage

VALUE: Final = "Parameter.Value"
CONFIRM: Final = 5 * 60


def deploy(
    aws: Aws,
    outputs: Outputs,
    of: Fleet,
    image: ContainerImage,
    run: str,
    *,
    how: How,
    wait: bool = True,
    url: str | None = None,
) -> Plan:
    """The fleet runs `image`: new instances read its name from the parameter when they boot.

    Undone: the refresh is stopped, the parameter says what it said, and every instance is a new
    one again. AWS must not go back by itself here: it knows of no image, and would start the new
    one on the instances that it brings back.
    """
    known = before(aws, of)
    old, _ = fleet.image(aws, of.part)
    if old == image.reference:
        raise UsageError(
            f"IMAGE is {image.requested_reference!r}, which the fleet runs already",
            "ops fleet refresh start",
        )
    version = fleet.number(aws, of, of.version)
    ours = Ours(of, version, replace(how, skip=False, returns=False), known)
    again = Ours(of, version, How(how.least, how.most, bakes=BACK), known)
    back = (
        name_image("image_back", of, old),
        begin("anew_back", again, "replace the instances of the fleet by ones of the old image"),
    )
    says = "replace the instances of the fleet by ones of the new image"
    steps: tuple[Step, ...] = (
        name_image("image", of, image.reference, undo=back),
        begin("refresh", ours, says, wait=wait, undo=(stop("stop", ours),)),
    )
    if wait:
        steps = (*steps, confirm("confirm", of, version))
        if of.targets is not None:
            steps = (*steps, healthy("healthy", of.targets, of.desired))
    if url is not None:
        steps = (*steps, answers(url))
    notes = (
        f"image: {old} -> {image.reference}",
        *(
            []
            if image.is_in_registry
            else [f"{image.requested_reference} is of another registry: not looked at"]
        ),
        said(of, how),
        "whatever is launched meanwhile, also by automatic scaling, runs the new image",
        "undone, every instance is replaced once more, by one of the old image",
    )
    return build_stack_plan(outputs, run, "fleet deploy", *steps, notes=notes)


def name_image(name: str, of: Fleet, image: str, undo: tuple[Step, ...] = ()) -> Step:
    """The parameter names an image."""
    return Step(
        name=name,
        description=f"have new instances run {image}",
        action=Call(
            api="ssm.put_parameter",
            params={
                "Name": of.part.image_parameter,
                "Value": image,
                "Type": "String",
                "Overwrite": True,
            },
        ),
        goal=Wait(read=fleet.parameter(of.part), met={VALUE: image}, every=5, within=CONFIRM),
        undo=undo,
    )
