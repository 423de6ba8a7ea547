"""The question to a person, from what is true now; without Prefect, so that `plan` can show it at once."""

from surefoot.approval import Question, seen_in
from tasks.commits import since_last
from tasks.rollout import rollout_id
from tasks.site import Site
from tasks.store import rollouts
from tasks.store.releases import Asked
from tasks.targets import undo_command


async def compose(site: Site, asked: Asked) -> Question:
    """Return the question as it would be asked now: changed by anything that a yes must not outlive.

    The way back is the live traffic; once this run's rollout has begun, what it has noted as such.
    """
    begun = await site.keep(rollouts.find, rollout_id(site, asked.release))
    way_back = begun.before if begun is not None else (await site.target.live()).traffic
    commits, last = await site.keep(since_last, asked)
    evidence = asked.evidence or {}
    return Question(
        asked.release,
        site.environment,
        str(way_back),
        undo_command(site.environment.place, way_back),
        seen_in(evidence),
        tuple(evidence.get("verdicts", ())),
        commits,
        last,
    )
