"""How long one look takes at a busy service: a million requests in histograms, twenty limits."""

import statistics
import time

import numpy as np

from judging.bars import Bar
from judging.ours import with_limits
from judging.traffic import levels_of
from surefoot.vitals import Look, Vitals

BAR_MS = 20.0
_LIMITS = 20
_REQUESTS = 1_000_000
_LOOKS = 30


def one_look(seed: int) -> Bar:
    """Return the median time of a look; every look's evidence stays with the judge, as in a rollout."""
    rng = np.random.default_rng(seed)
    looks = [Look(_side(rng, 0.9), _side(rng, 0.1), 0.1) for _ in range(_LOOKS)]
    judges, limits = with_limits(_LIMITS, _LOOKS)
    took_ms = []
    for look in looks:
        began = time.perf_counter()
        for judge in judges:
            judge.see(look)
            _ = judge.verdict
        took_ms.append((time.perf_counter() - began) * 1000)
    median = statistics.median(took_ms)
    levels = len(looks[0].stable.latency_ms.counts)
    seen = f"{median:.1f} ms, longest {max(took_ms):.1f} ms ({limits} limits, {levels:,} levels)"
    return Bar(f"one look of a million requests and {_LIMITS} limits: <= {BAR_MS:g} ms", seen, median <= BAR_MS)


def _side(rng: np.random.Generator, share: float) -> Vitals:
    requests = round(_REQUESTS * share)
    errors = int(rng.binomial(requests, 0.005))
    latency = levels_of(rng.lognormal(4.0, 0.8, requests))
    classes = tuple((name, errors // 5) for name in ("5xx", "timeout", "connection", "unexpected", "4xx"))
    return Vitals(requests, errors, latency, 60.0, classes=classes)
