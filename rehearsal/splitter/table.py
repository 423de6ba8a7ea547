"""Who is chosen next: one immutable table of weights, dealt out smoothly."""

from collections.abc import Sequence

from rehearsal.backend import Backends


class Table:
    """Revisions with their weights; `choose` deals requests out in proportion, with no runs and no chance in it.

    Smooth weighted round robin: at each choice every revision gains its weight in credit, the one with most credit
    is chosen and pays the total. After a whole round every share is exact.
    """

    def __init__(
        self, rows: Sequence[tuple[Backends, int]], *, sticky: bool = False, before: "Table | None" = None
    ) -> None:
        """Make a table; the credit that `before` left is kept, or many changes in a row would favour the biggest."""
        names = [backends.revision for backends, _ in rows]
        if len(set(names)) != len(names):
            raise ValueError(f"a revision is there twice: {', '.join(names)}")
        if any(weight < 0 for _, weight in rows):
            raise ValueError(f"a weight is negative: {[weight for _, weight in rows]}")
        self.rows = tuple((backends, weight) for backends, weight in rows if weight)
        self.sticky = sticky
        self._total = sum(weight for _, weight in self.rows)
        bound, kept = self._total, before.credit if before else {}
        self.credit: dict[str, int] = {
            backends.revision: max(-bound, min(bound, kept.get(backends.revision, 0))) for backends, _ in self.rows
        }
        self._turn = dict.fromkeys(self.credit, 0)

    def choose(self, revision: str | None = None) -> Backends | None:
        """Return the next revision, or the one asked for if it has weight; None when nothing has."""
        if revision is not None:
            asked_for = next((backends for backends, _ in self.rows if backends.revision == revision), None)
            if asked_for is not None:
                return asked_for
        if len(self.rows) == 1:
            return self.rows[0][0]
        best: Backends | None = None
        credit = self.credit
        for backends, weight in self.rows:
            credit[backends.revision] += weight
            if best is None or credit[backends.revision] > credit[best.revision]:
                best = backends
        if best is not None:
            credit[best.revision] -= self._total
        return best

    def turn(self, backends: Backends) -> int:
        """Return whose turn it is among the instances of a revision."""
        turn = self._turn[backends.revision]
        self._turn[backends.revision] = (turn + 1) % max(len(backends.instances), 1)
        return turn
