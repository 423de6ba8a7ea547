"""Who gets how much."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traffic:
    """Whole percents per revision name: none is zero, all total 100, sorted by name."""

    shares: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        if self.shares != tuple(sorted(self.shares)) or len(dict(self.shares)) != len(self.shares):
            raise ValueError(f"traffic names a revision twice or out of order: {self}")
        if any(share <= 0 for _, share in self.shares) or sum(share for _, share in self.shares) != 100:
            raise ValueError(f"traffic has to total 100 in whole positive percents: {self}")

    @classmethod
    def of(cls, shares: Mapping[str, int]) -> "Traffic":
        """Return the traffic of a mapping from revision name to percent; zeros are left out."""
        return cls(tuple(sorted((name, share) for name, share in shares.items() if share)))

    @classmethod
    def all_on(cls, revision: str) -> "Traffic":
        """Return 100 % on one revision."""
        return cls(((revision, 100),))

    def percent(self, revision: str) -> int:
        """Return the percent of a revision, 0 if it has none."""
        return dict(self.shares).get(revision, 0)

    def toward(self, revision: str, percent: int) -> "Traffic":
        """Return this traffic with `revision` at `percent`; the others keep their proportions.

        Largest-remainder rounding (Hamilton's method), ties to the name that sorts first.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"{percent} % is not between 0 and 100")
        others = [(name, share) for name, share in self.shares if name != revision]
        if not others:
            if percent != 100:
                raise ValueError(f"nobody else has traffic to take the other {100 - percent} %")
            return Traffic.all_on(revision)
        room, whole = 100 - percent, sum(share for _, share in others)
        floors = {name: share * room // whole for name, share in others}
        by_remainder = sorted(others, key=lambda other: (-(other[1] * room % whole), other[0]))
        for name, _ in by_remainder[: room - sum(floors.values())]:
            floors[name] += 1
        return Traffic.of({**floors, revision: percent})

    @property
    def main(self) -> str:
        """Return the revision with the largest share, the first by name where two are equal."""
        return max(self.shares, key=lambda share: share[1])[0]

    def __str__(self) -> str:
        ordered = sorted(self.shares, key=lambda share: (-share[1], share[0]))
        return ", ".join(f"{share} % on {name}" for name, share in ordered) or "nothing"
