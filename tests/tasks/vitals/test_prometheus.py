"""What Prometheus scraped of stable and canary, side by side: whole numbers, or nothing."""

import asyncio
import json
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_stood import CANARY, STABLE, Stood, data, numbers, of
from pydantic import ValidationError

from surefoot.errors import ConfigError
from surefoot.release import Revision

# One scrape and a second: how late a request is seen.
LAG_S = 16.0


def steady(at):
    """Ten requests a second to stable, two to canary; from 100,000 s on a tenth of canary's fail."""
    since = max(0.0, at - 100_000)
    return {**of("shop-1", int(at * 10)), **of("shop-2", int(at * 2), errors=int(since / 5))}


def looked(stood, *seconds, between=lambda: None, **more):
    """Return one look after another, each of so many seconds."""

    async def story():
        asked = stood.source(**more)
        try:
            looks = []
            for each in seconds:
                looks.append(await asked.look(STABLE, CANARY, each))
                between()
            return looks
        finally:
            await asked.close()

    return asyncio.run(story())


def grown(stood, since, until):
    """Return what happened between the first scrape after one moment and the last before another."""
    scrapes = stood.scrapes(since, until)
    return [
        tuple(int(steady(scrapes[-1])[name] - steady(scrapes[0])[name]) for name in names)
        for names in (
            ('seconds_bucket{revision="shop-1",le="+Inf"}', 'requests_total{revision="shop-1",code="500"}'),
            ('seconds_bucket{revision="shop-2",le="+Inf"}', 'requests_total{revision="shop-2",code="500"}'),
        )
    ]


def test_requests_and_failures_are_the_counters_own_from_scrape_to_scrape():
    stood = Stood(steady)
    [look] = looked(stood, 60)

    assert numbers(look) == grown(stood, 100_000, 100_000 + 60 - 1) == [(450, 0), (90, 9)]
    assert look.canary.classes == (("5xx", 9),)
    assert look.canary.examples == (("500", 9),)
    assert look.stable.latency_ms.counts == ((141.0, 450),)
    assert look.stable.seconds == look.canary.seconds == pytest.approx(60 - LAG_S)
    assert look.share == 0


def test_the_first_look_waits_until_a_window_can_be_seen():
    stood = Stood(steady)
    [look] = looked(stood, 10)

    assert stood.slept == pytest.approx(LAG_S + 15)
    assert look.stable.seconds == pytest.approx(15)
    assert numbers(look)[0][0] == 150


def test_windows_follow_one_another_without_a_gap():
    stood = Stood(steady)
    looks = looked(stood, 30, 10, 20, 45, 10)

    whole = looks[0]
    for each in looks[1:]:
        whole += each
    assert numbers(whole) == grown(stood, 100_000, stood.now - 1)
    assert whole.stable.seconds == pytest.approx(stood.now - 100_000 - LAG_S)
    assert stood.slept == pytest.approx(LAG_S + 15 + 15 + 20 + 45 + 15)


def test_what_was_before_traffic_was_shifted_is_not_looked_at():
    async def story():
        source = stood.source()
        await source.look(STABLE, CANARY, 60)
        await stood.sleep(100)
        source.begin()
        began = stood.now
        return began, await source.look(STABLE, CANARY, 40)

    stood = Stood(steady)
    began, look = asyncio.run(story())

    assert numbers(look) == grown(stood, began, stood.now - 1)
    assert look.stable.seconds == pytest.approx(40 - LAG_S)


def test_all_is_asked_for_one_moment_by_prometheus_own_clock():
    stood = Stood(steady)
    looked(stood, 60)

    assert {round(at, 6) for _, at in stood.asked} == {stood.now - 1}
    assert sorted(query.partition("[")[0] for query, _ in stood.asked) == [
        'requests_total{service="shop",revision="shop-1"}',
        'requests_total{service="shop",revision="shop-2"}',
        'seconds_bucket{service="shop",revision="shop-1"}',
        'seconds_bucket{service="shop",revision="shop-2"}',
    ]


def test_a_counter_that_begins_anew_counts_from_zero():
    def world(at):
        # Restarted at 100,030: its counters are at 3 in the scrape at 100,042.
        fresh = int((at - 100_030) / 4)
        return {**of("shop-1", int(at)), **of("shop-2", fresh if at > 100_030 else 1_000, errors=0)}

    stood = Stood(world)
    [look] = looked(stood, 90)

    assert stood.scrapes(100_000, 100_089) == [100_007, 100_022, 100_037, 100_052, 100_067, 100_082]
    assert numbers(look) == [(75, 0), (13, 0)]


def test_a_restart_is_seen_though_only_some_counters_dropped():
    def world(at):
        # 2 failures of 1,000 before, 5 of 20 since: no scrape shows fewer failures than the one before it.
        return {
            **of("shop-1", int(at)),
            **(of("shop-2", 20, errors=5) if at > 100_030 else of("shop-2", 1_000, errors=2)),
        }

    assert numbers(looked(Stood(world), 60)[0])[1] == (20, 5)


def test_a_code_that_was_never_seen_before_counts_from_zero():
    def world(at):
        late = {'requests_total{revision="shop-2",code="503"}': 4.0} if at > 100_030 else {}
        latency = of("shop-2", 504 if late else 500)
        return {**of("shop-1", int(at)), **latency, 'requests_total{revision="shop-2",code="200"}': 500.0, **late}

    look = looked(Stood(world), 60)[0]

    assert numbers(look)[1] == (4, 4)
    assert look.canary.classes == (("5xx", 4),)


def test_an_instance_that_starts_within_the_window_counts_from_zero():
    def world(at):
        second = of("shop-2", int(at - 100_020), errors=1, more=',instance="two"') if at > 100_020 else {}
        return {**of("shop-1", int(at)), **of("shop-2", 100), **second}

    assert numbers(looked(Stood(world), 60)[0])[1] == (32, 1)


def test_a_canary_without_any_request_yet_is_not_known_until_it_has_one():
    def world(at):
        return {**of("shop-1", int(at)), **(of("shop-2", 12, errors=1) if at > 100_060 else {})}

    first, second = looked(Stood(world), 30, 60)

    assert first.stable.blind == first.canary.blind == "nothing was scraped of shop-2 yet"
    assert numbers(second) == [(75, 0), (12, 1)], "since begin: what could not be seen at first is not lost"


def test_how_a_request_went_wrong_is_told_by_its_code():
    codes = {"200": 80, "302": 5, "404": 4, "499": 1, "5xx": 1, "504": 2, "timeout": 3, "connection": 2, "0": 2}

    def world(at):
        after = at > 100_030
        mixed = {f'requests_total{{revision="shop-2",code="{code}"}}': n * after for code, n in codes.items()}
        return {**of("shop-1", int(at)), **of("shop-2", 100 * after), **mixed}

    look = looked(Stood(world), 60)[0]

    assert numbers(look)[1] == (100, 10)
    assert dict(look.canary.classes) == {"4xx": 5, "5xx": 3, "timeout": 3, "connection": 4}
    assert look.canary.examples[0] == ("timeout", 3)


def test_failures_may_have_a_counter_of_their_own():
    def world(at):
        failed = int(at / 10)
        return {
            'requests_total{revision="shop-1"}': int(at),
            'requests_total{revision="shop-2"}': int(at),
            'failed_total{revision="shop-2"}': failed,
            **{
                text: value
                for name in ("shop-1", "shop-2")
                for text, value in of(name, int(at)).items()
                if "le=" in text
            },
        }

    stood = Stood(world)
    look = looked(stood, 90, errors='failed_total{revision="$revision"}')[0]

    assert numbers(look) == [(75, 0), (75, 8)]
    assert look.canary.classes == (("5xx", 8),)


def test_latencies_stand_in_the_middle_of_their_bucket():
    buckets = {"0.01": 1, "0.04": 11, "0.09": 111, "+Inf": 113}

    def world(at):
        n = int((at - 90_000) / 15)
        own = {f'seconds_bucket{{revision="shop-2",le="{bound}"}}': count * n for bound, count in buckets.items()}
        return {
            **of("shop-1", int(at)),
            'requests_total{revision="shop-2",code="200"}': 113 * n,
            **own,
            **{f'seconds_bucket{{revision="shop-1",le="{bound}"}}': int(at) for bound in buckets},
        }

    look = looked(Stood(world), 31)[0]

    assert look.canary.latency_ms.counts == ((5.0, 1), (20.0, 10), (60.0, 100), (90.0, 2))


def test_a_release_with_other_buckets_is_compared_by_the_bounds_that_both_have():
    def world(at):
        finer = {f'seconds_bucket{{revision="shop-2",le="{bound}"}}': int(at) for bound in ("0.15", "0.12")}
        return {**of("shop-1", int(at)), **of("shop-2", int(at)), **finer}

    look = looked(Stood(world), 31)[0]

    assert look.stable.latency_ms == look.canary.latency_ms


def _refused(request):
    raise httpx.ConnectError("nobody is there", request=request)


def _silent(request):
    raise httpx.ReadTimeout("", request=request)


def _cut(request):
    raise httpx.RemoteProtocolError("", request=request)


def _only(part, answer):
    """Answer one kind of query so, and the time as it is."""

    def respond(request):
        [query] = parse_qs(request.content.decode())["query"]
        return answer if part in query else data({"resultType": "scalar", "result": [1, "100090"]})

    return respond


def _matrix(metric, values, kind="values"):
    return data({"resultType": "matrix", "result": [{"metric": metric, kind: values}]})


ERROR = {"status": "error", "errorType": "bad_data", "error": "1:4: parse error: unexpected character"}
ONE = {"__name__": "requests_total", "code": "200"}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (_refused, "prometheus cannot be reached"),
        (_silent, "prometheus did not answer in time"),
        (_cut, "prometheus broke off (RemoteProtocolError)"),
        (lambda _: httpx.Response(400, json=ERROR), "prometheus answered 400: bad_data: 1:4: parse error: unexpected"),
        (lambda _: httpx.Response(503, json={"status": "error"}), "prometheus answered 503: "),
        (lambda _: httpx.Response(500, text="<h1>oops</h1>"), "answered 500, which is not what its API says"),
        (lambda _: httpx.Response(302, headers={"location": "http://x"}), "answered 302, which is not what its API"),
        (lambda _: httpx.Response(401, text="no"), "answered 401, which is not what its API says"),
        (lambda _: httpx.Response(200, text="[1, 2"), "answered 200, which is not what its API says"),
        (lambda _: httpx.Response(200, text="[" * 100_000), "answered 200, which is not what its API says"),
        (lambda _: httpx.Response(200, json=[1]), "answered 200, which is not what its API says"),
        (lambda _: httpx.Response(200, json=ERROR), "prometheus answered 200: bad_data: 1:4: parse error"),
        (lambda _: httpx.Response(200, content=b"x" * 17_000_000), "answered more than 16,777,216 bytes"),
        (lambda _: data(None), "something else than its time"),
        (lambda _: data({"resultType": "scalar", "result": []}), "could not be read (IndexError)"),
        (lambda _: data({"resultType": "scalar", "result": [0, "x"]}), "could not be read (ValueError)"),
        (lambda _: data({"resultType": "scalar", "result": [0, "1"]}, warnings=["1 store is down"]), "1 store is down"),
        (lambda _: data({"resultType": "scalar", "result": [0, "1"]}, isPartial=True), "answered in part only"),
        (_only("bucket", data({"resultType": "vector", "result": []})), "something else than samples"),
        (_only("{", data({"resultType": "matrix"})), "could not be read (KeyError)"),
        (_only("{", data({"resultType": "matrix", "result": [{"values": [[1, "1"]]}]})), "be read (KeyError)"),
        (_only("{", _matrix(ONE, [[1, "NaN"]])), "contradicts itself: requests_total is NaN, and no counter"),
        (_only("{", _matrix(ONE, [[1, "+Inf"]])), "contradicts itself: requests_total is +Inf"),
        (_only("{", _matrix(ONE, [[1, "-4"]])), "contradicts itself: requests_total is -4"),
        (_only("{", _matrix(ONE, [[1, "1.5"]])), "contradicts itself: requests_total is 1.5"),
        (_only("{", _matrix(ONE, [[1, {}]], "histograms")), "requests_total is a native histogram"),
        (_only("{", _matrix(ONE, [[1, "1"]])), "one counter is both stable's and canary's"),
        (_only("{", data({"resultType": "matrix", "result": []})), "nothing was scraped of shop-1 yet"),
    ],
)
def test_what_prometheus_cannot_say_is_not_known_of_either_side(broken, why):
    stood = Stood(steady)
    stood.broken = broken
    [look] = looked(stood, 60)

    assert why in look.stable.blind
    assert look.stable == look.canary
    assert (look.stable.requests, look.stable.latency_ms.total) == (0, 0)


def test_a_window_that_could_not_be_asked_for_is_in_the_next_look():
    stood = Stood(steady)

    def mend():
        stood.broken = None if stood.broken else _refused

    first, lost, second = looked(stood, 60, 30, 30, between=mend)

    assert lost.canary.blind == "prometheus cannot be reached"
    assert numbers(first + second) == grown(stood, 100_000, stood.now - 1)
    assert second.stable.seconds == pytest.approx(60)


def test_when_the_first_window_could_not_be_asked_for_it_still_begins_where_traffic_was_shifted():
    stood = Stood(steady)
    stood.broken = _refused

    def mend():
        stood.broken = None

    lost, second = looked(stood, 60, 30, between=mend)

    assert lost.canary.blind
    assert numbers(second) == grown(stood, 100_000, stood.now - 1)


def test_scrapes_that_stopped_are_late_and_what_they_missed_is_seen_when_they_go_on():
    stood = Stood(steady)

    def stop():
        stood.world = None if stood.world else steady

    first, late, second = looked(stood, 60, 60, 30, between=stop)

    assert late.stable.blind.startswith("late: the newest scrape of shop-1 is ")
    assert late.stable == late.canary
    assert numbers(first + second) == grown(stood, 100_000, stood.now - 1)


def test_after_a_silence_since_before_the_shift_nothing_old_is_counted():
    stood = Stood(steady)
    stood.world = None
    stood.pass_by(1_000)

    def go_on():
        stood.world = steady

    began = stood.now
    late, second = looked(stood, 40, 60, between=go_on)

    assert late.canary.blind == "nothing was scraped of shop-1 yet"
    assert numbers(second) == grown(stood, began, stood.now - 1)


def test_an_instance_that_was_not_scraped_since_traffic_was_shifted_did_not_do_nothing():
    def world(at):
        second = of("shop-2", int(at), more=',instance="two"') if at < 100_000 or at > 100_050 else {}
        return {**of("shop-1", int(at)), **of("shop-2", int(at)), **second}

    first, second = looked(Stood(world), 1, 40, stale_after="60s")

    assert first.canary.blind == "late: two was not scraped for 38 s"
    assert numbers(second)[1] == (60 + 15, 0), "of two what came after its first scrape"


def test_an_instance_that_is_not_scraped_is_waited_for_and_then_given_up_once():
    def world(at):
        second = of("shop-2", int(at), more=',instance="two"') if at < 100_060 else {}
        return {**of("shop-1", int(at)), **of("shop-2", int(at)), **second}

    stood = Stood(world)
    looks = looked(stood, 60, 45, 30, 30)

    assert [look.canary.blind for look in looks] == [
        "",
        "late: two was not scraped for 52 s",
        "two is not scraped any more, so nobody knows what it counted last for shop-2",
        "",
    ]
    assert numbers(looks[3])[1] == (105, 0)
    assert looks[2].stable == looks[2].canary


def test_an_instance_that_comes_back_is_counted_from_where_it_was():
    def world(at):
        second = of("shop-2", int(at), more=',instance="two"') if not 100_060 < at < 100_200 else {}
        return {**of("shop-1", int(at)), **of("shop-2", int(at)), **second}

    looks = looked(Stood(world), 60, 120, 30, 60)

    assert [bool(look.canary.blind) for look in looks] == [False, True, False, False]
    assert numbers(looks[2])[1] == (150 + 150, 0), "what each had counted since the look before it went"
    assert numbers(looks[3])[1] == (60 + 60, 0)


def test_a_counter_that_ends_while_its_instance_goes_on_is_a_contradiction():
    def world(at):
        both = {**of("shop-1", int(at)), **of("shop-2", int(at), errors=7)}
        return {text: value for text, value in both.items() if at < 100_060 or 'shop-2",code="500"' not in text}

    first, second, third = looked(Stood(world), 60, 60, 60)

    assert first.canary.blind == ""
    assert second.canary.blind == "contradicts itself: one has lost a counter of shop-2"
    assert numbers(third) == [(60, 0), (60, 0)], "the window after it is as good as any"


def test_failures_after_a_restart_count_from_zero_though_nobody_failed_for_a_while():
    def world(at):
        # Seven failures, a restart, none for a while, and then nine: more than seven, and not two.
        failed = 7 if at < 100_030 else 9 if at > 100_080 else 0
        both = {**of("shop-1", int(at)), **of("shop-2", int(at if at < 100_030 else at - 100_020), errors=failed)}
        return {text: value for text, value in both.items() if value}

    looks = looked(Stood(world), 61, 30, 60)

    assert sum(look.canary.errors for look in looks) == 9
    assert [look.canary.blind for look in looks] == ["", "", ""]


@pytest.mark.parametrize(
    ("canary", "why"),
    [
        ({'requests_total{revision="shop-2"}': 5}, "a request without a code does not say whether it failed"),
        (
            {'requests_total{revision="shop-2",code="Internal"}': 5},
            "the code 'Internal' does not say whether it failed",
        ),
        ({'seconds_bucket{revision="shop-2",le="+Inf"}': 3}, "18,000 latencies of 12,000 requests of shop-2"),
        ({'seconds_bucket{revision="shop-2",le="0.1"}': 9}, "fewer of shop-2 within 0.2 s than within 0.1 s"),
        ({'seconds_bucket{revision="shop-2"}': 9}, "the latency has no label le"),
        ({'seconds_bucket{revision="shop-2",le="x"}': 9}, "the latency has no label le"),
        ({'seconds_bucket{revision="shop-2",le="7",path="/"}': 9}, "no bounds in common"),
    ],
)
def test_counters_that_contradict_each_other_say_nothing(canary, why):
    def world(at):
        grown_s = int(at - 99_000)
        own = {text: n * 100 * grown_s for text, n in canary.items()}
        return {**of("shop-1", int(at)), **of("shop-2", grown_s * 200), **own}

    [look] = looked(Stood(world), 75)

    assert why in look.canary.blind
    assert look.stable == look.canary


def test_more_failures_than_requests_are_a_contradiction():
    def world(at):
        failed = {f'failed_total{{revision="{name}"}}': int(at * 3) for name in ("shop-1", "shop-2")}
        return {**of("shop-1", int(at)), **of("shop-2", int(at)), **failed}

    [look] = looked(Stood(world), 60, errors='failed_total{revision="$revision"}')

    assert look.canary.blind == "contradicts itself: 135 errors of 45 requests of shop-1"


def test_a_counter_of_failures_that_nobody_exports_is_not_zero_failures():
    [look] = looked(Stood(steady), 60, errors='no_such_total{revision="$revision"}')

    assert look.canary.blind == "nothing was scraped of the errors; a counter has to be there before the first, at 0"


def test_after_a_quarter_of_an_hour_in_which_nothing_could_be_seen_it_begins_anew():
    stood = Stood(steady)
    stood.broken = _refused

    def mend():
        stood.broken = None

    looks = looked(stood, 950, 10, 60, between=mend)

    assert [look.canary.blind for look in looks] == [
        "prometheus cannot be reached",
        "nothing could be seen for 15 min; the next look begins anew",
        "",
    ]
    assert looks[2].stable.seconds == pytest.approx(60)
    assert numbers(looks[2])[0][0] == 600


def test_two_revisions_that_one_selector_cannot_tell_apart_are_not_compared():
    async def story():
        source = Stood(steady).source(requests='requests_total{group="$group"}')
        sides = [Revision(name, "", ready=True, labels={"group": "blue"}) for name in ("shop-1", "shop-2")]
        return await source.look(*sides, 60)

    assert asyncio.run(story()).canary.blind == (
        'contradicts itself: stable and canary are both requests_total{group="blue"}'
    )


def test_a_label_that_a_revision_does_not_have_is_named():
    [look] = looked(Stood(steady), 60, requests='requests_total{group="$target_group"}')

    assert look.canary.blind == "nothing says what $target_group is for shop-1; it has $revision"


def test_a_token_is_sent_and_never_said():
    stood = Stood(steady)
    [look] = looked(stood, 60, token="geheim", url="https://prometheus.test")

    assert {headers["authorization"] for headers in stood.headers} == {"Bearer geheim"}
    stood.broken = lambda request: httpx.Response(401, json={**ERROR, "error": "no such user"})
    assert "geheim" not in repr([look, *looked(stood, 60, token="geheim", url="https://prometheus.test")])


@pytest.mark.parametrize("token", ["geheim\n", "gehéim"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token):
    with pytest.raises(ConfigError, match="a sign in it that no header can carry") as raised:
        looked(Stood(steady), 60, token=token)

    assert "geh" not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "http://p.test",
        "https://p.test/thanos/",
        "http://127.0.0.1:9090",
        "http://[::1]:9090/",
        "http://prometheus_1:9090",
    ],
)
def test_an_address_may_have_a_port_and_a_path(url):
    stood = Stood(steady)
    looked(stood, 60, url=url)

    assert {str(address) for address in stood.addresses} == {f"{url.rstrip('/')}/api/v1/query"}


@pytest.mark.parametrize(
    "url",
    [
        "", "p.test", "ftp://p.test", "http://", "http://a b", "http://p.test?x=1", "http://p.test#x", "http://p:99999",
        "http://p:0", "http://p\u2024test", "http://[::1", "http://ana:geheim@p.test", "http://geheim@p.test",
    ],
)  # fmt: skip
def test_any_other_address_is_refused_and_a_password_in_it_is_not_said(url):
    with pytest.raises(ValidationError) as raised:
        Stood(steady).source(url=url)

    [problem] = raised.value.errors()
    assert problem["loc"] == ("url",)
    assert "geheim" not in problem["msg"]


def test_a_prometheus_that_never_ends_its_answer_is_given_up():
    stood = Stood(steady)

    async def never(_):
        await asyncio.Event().wait()

    [look] = looked(stood, 60, transport=httpx.MockTransport(never))

    assert look.canary.blind == "prometheus did not answer within 0.5 s"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
A_SERIES = st.fixed_dictionaries(
    {"metric": ANYTHING | st.dictionaries(st.sampled_from(["__name__", "le", "code", "job"]), ANYTHING)},
    optional={"values": ANYTHING | st.lists(st.tuples(ANYTHING, ANYTHING), max_size=3), "histograms": ANYTHING},
)
A_RESULT = st.fixed_dictionaries({"resultType": st.just("matrix") | ANYTHING, "result": st.lists(A_SERIES) | ANYTHING})


@settings(max_examples=200)
@given(ANYTHING | A_RESULT, st.booleans())
def test_whatever_it_answers_nothing_is_raised_and_nothing_is_made_up(result, of_time):
    stood = Stood(steady)
    answer = {"status": "success", "data": result}

    def respond(request):
        if of_time is ("time()" in parse_qs(request.content.decode())["query"]):
            return httpx.Response(200, content=json.dumps(answer).encode())
        stood.broken = None
        try:
            return stood.answer(request)
        finally:
            stood.broken = respond

    stood.broken = respond
    [look] = looked(stood, 31)

    assert look.stable.blind
    assert look.canary.blind
