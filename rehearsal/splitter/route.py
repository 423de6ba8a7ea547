"""One way through a listener: who takes it, among which revisions it deals, and what happens there."""

from collections.abc import Callable, Sequence

from rehearsal.splitter.condition import Condition
from rehearsal.splitter.counts import Counts, Place, Tally
from rehearsal.splitter.fault import UNHURT, Fault, Injector, Injury
from rehearsal.splitter.table import Table


class Route:
    """Requests that meet all `conditions` go by its table and are counted under its service and address.

    With an `answer`, a status and a text, they get that instead.
    """

    def __init__(
        self,
        tally: Tally,
        service: str,
        address: str,
        *,
        conditions: Sequence[Condition] = (),
        seed: int | None = None,
        on_crash: Callable[[str], object] | None = None,
    ) -> None:
        self.service = service
        self.address = address
        self.conditions = conditions
        self.answer: tuple[int, str] | None = None
        self.table = Table(())
        self._tally = tally
        self._seed = seed
        self._on_crash = on_crash
        self._injectors: dict[str, Injector] = {}
        self._counts: dict[str, Counts] = {}

    def call(self, service: str, address: str) -> None:
        """Count under this service and address from now on."""
        self.service, self.address, self._counts = service, address, {}

    def counts(self, revision: str) -> Counts:
        """Return what was counted of a revision here; under "" what found no revision ready."""
        counts = self._counts.get(revision)
        if counts is None:
            counts = self._counts[revision] = self._tally.at(Place(self.service, self.address, revision))
        return counts

    def fault(self, revision: str, fault: Fault | None) -> None:
        """Make a revision misbehave from now on, or (None) behave again."""
        self._injectors.pop(revision, None)
        if fault is not None:
            self._injectors[revision] = Injector(fault, f"{self._seed}/{revision}")

    @property
    def faults(self) -> dict[str, Fault]:
        """Return the faults in force by revision."""
        return {revision: injector.fault for revision, injector in self._injectors.items()}

    def injury(self, revision: str) -> Injury:
        """Return what happens to the next request of a revision; a crash has happened by then."""
        injector = self._injectors.get(revision)
        if injector is None:
            return UNHURT
        injury = injector.next()
        if injury.crash and self._on_crash is not None:
            self._on_crash(revision)
        return injury
