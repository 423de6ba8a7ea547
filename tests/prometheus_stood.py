"""A Prometheus without a process: a world of counters that it scrapes whenever somebody sleeps, and its HTTP API."""

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs

import httpx

from surefoot.release import Revision
from surefoot.vitals import Look
from tasks.vitals.prometheus import Settings
from tasks.vitals.prometheus.source import Prometheus

EVERY_S = 15.0
_A_SCRAPE = 100_007.0
STABLE = Revision("shop-1", "", ready=True)
CANARY = Revision("shop-2", "", ready=True)
SETTINGS = {
    "url": "http://prometheus.test:9090",
    "requests": 'requests_total{service="shop",revision="$revision"}',
    "latency": 'seconds_bucket{service="shop",revision="$revision"}',
}
World = Callable[[float], Mapping[str, float]]
_MATCHER = re.compile(r'(\w+)="([^"]*)"')


def labels_of(text: str) -> dict[str, str]:
    """Return the labels of a counter that is written as Prometheus exposes it."""
    name, _, inside = text.partition("{")
    return {"__name__": name, "job": "shop", "instance": "one", "service": "shop", **dict(_MATCHER.findall(inside))}


def of(revision: str, requests: float = 0, *, errors: float = 0, more: str = "") -> dict[str, float]:
    """Return one revision's counters after so many requests, some of them 500s, all within 0.1 s and 0.2 s."""
    here = f'revision="{revision}"{more}'
    bounds = {"0.1": 0, "0.2": requests, "+Inf": requests}
    return {
        f'requests_total{{{here},code="200"}}': requests - errors,
        f'requests_total{{{here},code="500"}}': errors,
        **{f'seconds_bucket{{{here},le="{bound}"}}': count for bound, count in bounds.items()},
    }


class Stood:
    """What Prometheus has scraped so far of a `world`, and what it answers; `broken` answers in its stead.

    Its clock is 500 s ahead of ours.
    """

    def __init__(self, world: World, *, now: float = 100_000.0) -> None:
        self.world: World | None = world
        self.now = now - 600.0
        self.kept: dict[str, list[tuple[float, float]]] = {}
        self.asked: list[tuple[str, float]] = []
        self.headers: list[httpx.Headers] = []
        self.addresses: list[httpx.URL] = []
        self.broken: Callable[[httpx.Request], httpx.Response] | None = None
        self.slept = 0.0
        self.pass_by(600.0)

    def clock(self) -> float:
        return self.now - 500.0

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept += seconds
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and scrapes be made in it: at 100,007 s, and every quarter of a minute before and after."""
        end = self.now + seconds
        due = (self.now - _A_SCRAPE) // EVERY_S * EVERY_S + EVERY_S + _A_SCRAPE
        while due <= end:
            for text, value in self.world(due).items() if self.world else ():
                self.kept.setdefault(text, []).append((due, value))
            due += EVERY_S
        self.now = end

    def scrapes(self, since: float, until: float) -> list[float]:
        """Return when it scraped anything within a window, both ends included."""
        return sorted({at for points in self.kept.values() for at, _ in points if since <= at <= until})

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.headers.append(request.headers)
        self.addresses.append(request.url)
        if self.broken is not None:
            return self.broken(request)
        form = parse_qs(request.content.decode())
        [query] = form["query"]
        if query == "time()":
            return data({"resultType": "scalar", "result": [self.now, str(self.now)]})
        at = float(form["time"][0])
        self.asked.append((query, at))
        return data({"resultType": "matrix", "result": self._range(query, at)})

    def _range(self, query: str, at: float) -> list[dict[str, object]]:
        match = re.fullmatch(r"(\w+)\{(.*)\}\[(\d+)ms\]", query)
        assert match, query
        wanted = {"__name__": match[1], **dict(_MATCHER.findall(match[2]))}.items()
        found = []
        for text, points in self.kept.items():
            within = [[t, f"{v:g}" if v < 1e6 else repr(v)] for t, v in points if at - int(match[3]) / 1000 <= t <= at]
            if within and wanted <= labels_of(text).items():
                found.append({"metric": labels_of(text), "values": within})
        return found

    def source(self, token: str = "", transport: httpx.MockTransport | None = None, **more: str) -> Prometheus:
        """Return the source that asks it; call it inside a running event loop."""
        settings, transport = (
            Settings.model_validate({**SETTINGS, **more}),
            transport or httpx.MockTransport(self.answer),
        )
        asks = {"clock": self.clock, "sleep": self.sleep, "transport": transport, "answer_s": 0.5}
        return Prometheus.connect(settings, token, **asks)


def data(result: object, **more: object) -> httpx.Response:
    """Return what the API answers when all is well."""
    return httpx.Response(200, json={"status": "success", "data": result, **more})


def numbers(look: Look) -> Sequence[tuple[int, int]]:
    """Return requests and errors, stable's first; the look is not blind."""
    assert (look.stable.blind, look.canary.blind) == ("", "")
    return [(side.requests, side.errors) for side in (look.stable, look.canary)]
