"""Every rule on the same runs, on all cores: what came of it, cell by cell."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from judging.grid import Question
from judging.ours import OURS, see
from judging.peers import NEVER, PEERS
from judging.traffic import TICK_S, Cell, Traffic, batches, looks_of, simulate

# Peers' tests are settled by fewer runs than a bound of 1.3 % on ours needs.
_PEERS_MOST = 1000
_CHUNK_S = 5.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """What one rule did in one cell: for each run when it was put back (s), whether it went on, what users lost."""

    cell: Cell
    rule: str
    back_s: Floats
    went_on: Floats
    spoiled: Floats

    @property
    def runs(self) -> int:
        """Return how many runs there were."""
        return self.back_s.size

    @property
    def backs(self) -> int:
        """Return how many runs were put back."""
        return int(np.isfinite(self.back_s).sum())

    @property
    def share(self) -> float:
        """Return the share of runs that were put back."""
        return self.backs / self.runs

    @property
    def median_min(self) -> float:
        """Return the median time until a run is put back, in minutes; infinity when half of them never are."""
        return float(np.median(self.back_s)) / 60

    def bound(self, sure: float = 0.95) -> float:
        """Return the upper bound of the share put back (Clopper and Pearson, Biometrika 26, 1934), one-sided."""
        return 1.0 if self.backs == self.runs else float(beta.ppf(sure, self.backs + 1, self.runs - self.backs))

    def least(self, sure: float = 0.95) -> float:
        """Return the lower bound of the share put back, one-sided."""
        return 0.0 if not self.backs else float(beta.ppf(1 - sure, self.backs, self.runs - self.backs + 1))


@dataclass(frozen=True, slots=True)
class _Job:
    question: str
    cell: Cell
    batch: int
    wanted: int
    seed: int
    peers: bool


_Part = tuple[str, str, str, int, Floats, Floats, Floats]


def measure(questions: Sequence[Question], seed: int, full: bool, processes: int) -> dict[tuple[str, str], list[Score]]:
    """Return, for each question and cell, a score for each rule, ours first."""
    jobs = list(_jobs(questions, seed, full))
    parts: dict[tuple[str, str, str], list[_Part]] = defaultdict(list)
    for done in _progress(_run(jobs, processes), len(jobs)):
        for part in done:
            parts[part[:3]].append(part)
    scores: dict[tuple[str, str], list[Score]] = {}
    for question in questions:
        for cell in question.cells:
            rules = [rule for rule in (OURS, *PEERS) if (question.title, cell.name, rule) in parts]
            scores[question.title, cell.name] = [
                _score(cell, rule, parts[question.title, cell.name, rule]) for rule in rules
            ]
    return scores


def _jobs(questions: Sequence[Question], seed: int, full: bool) -> Iterator[_Job]:
    for question in questions:
        for cell in question.cells:
            for batch, wanted in batches(cell, question.repeats(full)):
                peers = question.peers and batch * cell.batch < _PEERS_MOST
                yield _Job(question.title, cell, batch, wanted, seed, peers)


def _run(jobs: list[_Job], processes: int) -> Iterator[list[_Part]]:
    if processes == 1:
        yield from map(_batch, jobs)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_batch, jobs)


def _batch(job: _Job) -> list[_Part]:
    """Return what every rule did with one batch."""
    traffic, cell = simulate(job.cell, job.batch, job.seed), job.cell
    seen = [see(cell, looks_of(traffic, run, cell.looks)) for run in range(job.wanted)]
    back_s, went_on = (np.array(column, dtype=float) for column in zip(*seen, strict=True))
    backs = {OURS: (back_s, went_on)}
    for name, rule in PEERS.items() if job.peers else ():
        times = rule(traffic)[: job.wanted]
        # Kind to peers: they let through what they have not put back by the end; ours is asked at each step's end.
        backs[name] = times, np.isinf(times).astype(float)
    return [
        (job.question, cell.name, rule, job.batch, times, passed, _spoiled(traffic, times))
        for rule, (times, passed) in backs.items()
    ]


def _spoiled(traffic: Traffic, back_s: Floats) -> Floats:
    """Return how many of users' requests the canary spoiled in each run until it was put back."""
    ends = (np.arange(traffic.shares.size) + 1) * TICK_S
    before = ends[None, :] <= np.minimum(back_s, NEVER)[:, None]
    return np.asarray((traffic.spoiled[: back_s.size] * before).sum(axis=1), dtype=float)


def _score(cell: Cell, rule: str, parts: list[_Part]) -> Score:
    ordered = sorted(parts, key=lambda part: part[3])
    back_s, went_on, spoiled = (np.concatenate([part[column] for part in ordered]) for column in (4, 5, 6))
    return Score(cell, rule, back_s, went_on, spoiled)


def _progress(done: Iterator[list[_Part]], total: int) -> Iterator[list[_Part]]:
    """Pass on what is done, and say on stderr how far it is."""
    began = said = time.monotonic()
    for number, part in enumerate(done, 1):
        yield part
        now = time.monotonic()
        if now - said >= _CHUNK_S or number == total:
            said, left = now, (now - began) / number * (total - number)
            print(f"{number} of {total} batches, about {left / 60:.0f} min left", file=sys.stderr, flush=True)
