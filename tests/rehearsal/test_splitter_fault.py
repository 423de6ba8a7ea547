"""Faults between the splitter and a revision."""

from datetime import UTC, datetime, timedelta

import pytest

from rehearsal.splitter.fault import UNHURT, Fault, Injector

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def hurt(injector: Injector, requests: int) -> list[int]:
    return [number for number in range(requests) if injector.next(NOON).status is not None]


def test_the_same_seed_hurts_the_same_requests():
    fault = Fault(error_share=0.05)
    assert hurt(Injector(fault, "7/a"), 500) == hurt(Injector(fault, "7/a"), 500)
    assert hurt(Injector(fault, "7/a"), 500) != hurt(Injector(fault, "8/a"), 500)


def test_about_the_share_asked_for_is_hurt():
    assert 400 < len(hurt(Injector(Fault(error_share=0.05), "1"), 10_000)) < 600
    assert len(hurt(Injector(Fault(error_share=1.0), "1"), 100)) == 100
    assert hurt(Injector(Fault(error_share=0.0), "1"), 100) == []


def test_nothing_happens_before_the_request_it_starts_after():
    assert hurt(Injector(Fault(error_share=1.0, after_requests=30), "1"), 40) == list(range(30, 40))


def test_nothing_happens_before_the_moment_it_starts_at():
    injector = Injector(Fault(error_share=1.0, status=503, at=NOON), "1")
    assert injector.next(NOON - timedelta(seconds=1)) == UNHURT
    assert injector.next(NOON).status == 503


def test_a_crash_happens_once():
    injector = Injector(Fault(crash=True, after_requests=2), "1")
    assert [injector.next(NOON).crash for _ in range(5)] == [False, False, True, False, False]


def test_latency_meets_every_request():
    injector = Injector(Fault(latency_s=0.2), "1")
    assert {injector.next(NOON).latency_s for _ in range(10)} == {0.2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"error_share": 1.1},
        {"error_share": -0.1},
        {"status": 200},
        {"status": 600},
        {"latency_s": -1.0},
        {"after_requests": -1},
        {"at": datetime(2026, 3, 1)},  # noqa: DTZ001
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fault(**wrong)
