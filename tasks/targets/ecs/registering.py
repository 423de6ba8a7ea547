"""The release's task definition, registered once however often it is asked for."""

import asyncio
from typing import Any

from surefoot.errors import Refused, Unavailable
from surefoot.release import Release
from tasks.targets.ecs import Settings
from tasks.targets.ecs.calls import Calls
from tasks.targets.ecs.definition import entrance, name_of, released, short
from tasks.targets.ecs.marks import FROM, tags_of
from tasks.targets.ecs.reader import Reader
from tasks.targets.patience import Patience


async def registered(
    settings: Settings, calls: Calls, reader: Reader, live: str, release: Release, name: str, patience: Patience
) -> str:
    """Return the full name of the release's task definition; made from the `live` one where it is not there yet.

    Where two were made, by two who looked at the same moment, both choose the older: one deployment comes of it.
    """
    definition = await reader.definition(live)
    wanted = released(definition, release, name, settings.container)
    heard = False
    for wait_s in patience.waits():
        if found := await _found(settings, reader, definition, release, name):
            return found
        if heard:  # AWS has it, and does not list it yet
            await asyncio.sleep(wait_s)
            continue
        try:
            await calls.register(wanted)
            heard = True
        except Unavailable as problem:
            await asyncio.sleep(problem.retry_after_s or wait_s)
    raise Unavailable(f"the task definition of {name} was not seen in time; look: aws ecs list-task-definitions")


async def _found(settings: Settings, reader: Reader, live: dict[str, Any], release: Release, name: str) -> str:
    """Return what was made of the live definition for the release; made of an older one it would have old settings."""
    for definition in reversed(await reader.newest_definitions(live["family"])):
        if name_of(definition) == name and tags_of(definition).get(FROM) == short(live["taskDefinitionArn"]):
            image = entrance(definition, settings.container).get("image")
            if image != str(release.image):
                raise Refused(f"{name} is registered, with another image: {image}, expected {release.image}")
            return str(definition["taskDefinitionArn"])
    return ""
