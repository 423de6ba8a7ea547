"""How a deployment ends that was cut short."""

from contextlib import suppress

from rehearsal.aws.refusal import Refusal
from rehearsal.ecs.deployment import Deployment, Turn
from rehearsal.ecs.service import Service
from rehearsal.ecs.shifting import Shifting
from rehearsal.ecs.world import World, now


async def end(world: World, service: Service, deployment: Deployment) -> None:
    """Do what the turn that a deployment took asks for."""
    match deployment.turn:
        case Turn.BACK:
            await _roll_back(world, service, deployment)
        case Turn.OVERTAKEN:
            with suppress(Refusal):  # a rule or group is gone; the newer deployment will meet that too, and say so
                await _return(world, service, deployment)
            deployment.becomes("STOPPED")
        case Turn.FAIL:
            deployment.target.fleet.freeze()
            deployment.becomes("STOPPED")
        case _:
            deployment.becomes("STOPPED")
    deployment.target.ends_as("FAILED", deployment.reason)


async def _roll_back(world: World, service: Service, deployment: Deployment) -> None:
    source, reason = service.current, deployment.reason
    service.say(f"(deployment {deployment.target.id}) deployment failed: {reason}")
    if source is None:
        deployment.target.fleet.freeze()
        deployment.becomes("ROLLBACK_FAILED", "No rollback candidate was found to run the rollback.")
        return
    deployment.rollback = {"reason": reason, "startedAt": now(), "serviceRevisionArn": source.arn}
    deployment.becomes("ROLLBACK_IN_PROGRESS")
    service.say(f"rolling back to deployment {source.id}.")
    try:
        await _return(world, service, deployment)
    except Refusal as refusal:  # of the load balancer: the rule or a group is gone
        deployment.becomes("ROLLBACK_FAILED", f"The rollback failed: {refusal.message}")
    else:
        deployment.becomes("ROLLBACK_SUCCESSFUL")
        service.say("has reached a steady state.")


async def _return(world: World, service: Service, deployment: Deployment) -> None:
    """Give all traffic to the source again, whose tasks are started anew if they were stopped; then stop the target."""
    source = service.current
    if source is not None:
        if service.latest is deployment:
            service.wanted = source
        if source.fleet.desired < service.desired:
            source.fleet.scale(service.desired)
            await source.fleet.settled()
        await Shifting(world, service, deployment).back()
    await deployment.target.fleet.stop()
