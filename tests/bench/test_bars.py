"""What is made of scores: bounds, bars that are kept, missed or open, and the page that tells of them."""

from dataclasses import replace

import numpy as np
import pytest
from judging.bars import Bar, bars
from judging.grid import ALIKE, AS_FAST, BROKEN, DARK, SLOWER, WORSE
from judging.measure import Score, measure
from judging.ours import OURS
from judging.report import BEGIN, END, write
from judging.traffic import Cell
from scipy.stats import binom

CELL = Cell("any")


def score(cell, backs, runs, *, rule=OURS, at_s=60.0, spoiled=0.0, went_on=0):
    """Return a rule's score with so many runs put back, the first ones, and so many let through."""
    back_s = np.where(np.arange(runs) < backs, at_s, np.inf)
    return Score(cell, rule, back_s, (np.arange(runs) < went_on).astype(float), np.full(runs, spoiled))


def of_each(question, backs, runs, **more):
    """Return the same score for every cell of a question."""
    return {(question.title, cell.name): [score(cell, backs, runs, **more)] for cell in question.cells}


def words(scores):
    return [bar.word for bar in bars(scores)]


@pytest.mark.parametrize(("backs", "runs"), [(1, 20), (20, 4000), (40, 4000), (230, 231)])
def test_bounds_of_a_share_are_clopper_and_pearsons(backs, runs):
    found = score(CELL, backs, runs)
    assert binom.cdf(backs, runs, found.bound()) == pytest.approx(0.05)
    assert binom.sf(backs - 1, runs, found.least()) == pytest.approx(0.05)


def test_bounds_of_none_and_of_all():
    assert score(CELL, 0, 4000).bound() == pytest.approx(1 - 0.05 ** (1 / 4000))
    assert score(CELL, 0, 4000).least() == 0
    assert score(CELL, 10, 10).bound() == 1


def test_the_median_counts_runs_that_are_never_put_back():
    assert score(CELL, 6, 10, at_s=120).median_min == 2
    assert score(CELL, 4, 10).median_min == np.inf


@pytest.mark.parametrize(
    ("backs", "runs", "word"),
    [
        (20, 4000, "PASS"),
        (39, 4000, "PASS"),
        (50, 4000, "MISS"),
        (0, 250, "PASS"),
        (0, 100, "OPEN"),
        (3, 200, "OPEN"),
        (30, 200, "MISS"),
    ],
)
def test_wrong_rollbacks_are_few_many_or_cannot_be_told(backs, runs, word):
    assert words(of_each(ALIKE, backs, runs)) == [word]
    assert words(of_each(AS_FAST, backs, runs)) == [word]


def test_one_bad_cell_spoils_the_bar():
    scores = of_each(ALIKE, 0, 4000)
    cell = ALIKE.cells[7]
    scores[ALIKE.title, cell.name] = [score(cell, 80, 4000)]
    (bar,) = bars(scores)
    assert bar.kept is False
    assert cell.name in bar.seen


def test_what_is_caught_has_to_be_enough_and_soon():
    assert set(words(of_each(WORSE, 1990, 2000, at_s=600))) == {"PASS"}
    late = [bar.promise for bar in bars(of_each(WORSE, 1990, 2000, at_s=1200)) if bar.kept is False]
    assert len(late) == 2
    assert all("median" in promise for promise in late)
    assert "MISS" in words(of_each(WORSE, 1000, 2000, at_s=600))


def test_slower_canaries_are_caught_in_the_hardest_cell_or_the_bar_is_missed():
    assert words(of_each(SLOWER, 390, 400)) == ["PASS"]
    assert words(of_each(SLOWER, 300, 400)) == ["MISS"]
    assert words(of_each(SLOWER, 18, 20)) == ["OPEN"]


def broken(ours, quick, honest, *, wrong):
    """Return scores of a broken canary: what ours, a quick peer and an honest one lose; how often the quick errs."""
    scores = {}
    for cell in BROKEN.cells:
        row = [(OURS, 0, ours), ("quick", wrong, quick), ("honest", 0, honest)]
        scores[BROKEN.title, cell.name] = [
            score(cell, backs if cell.good else 1000, 1000, rule=rule, spoiled=lost) for rule, backs, lost in row
        ]
    return scores


def test_spoiled_requests_are_held_against_the_best_peer_that_puts_back_as_few_good_releases():
    assert words(broken(40, 20, 100, wrong=300)) == ["PASS", "PASS"]
    assert words(broken(40, 20, 100, wrong=5)) == ["MISS", "MISS"]
    assert words(broken(60, 20, 100, wrong=300)) == ["MISS", "MISS"]


@pytest.mark.parametrize(("backs", "went_on", "word"), [(0, 0, "PASS"), (1, 0, "MISS"), (0, 1, "MISS")])
def test_a_silent_source_neither_puts_back_a_good_release_nor_lets_a_bad_one_through(backs, went_on, word):
    (bar,) = bars(dark(backs, 0, went_on))
    assert bar.word == word


def dark(backs, backs_if_heard, went_on):
    """Return scores of a source that is silent, and of one that is not, for good and for bad releases."""
    return {
        (DARK.title, cell.name): [
            score(cell, (backs if cell.source else backs_if_heard) if cell.good else 0, 1000, went_on=went_on)
        ]
        for cell in DARK.cells
    }


def test_what_a_silent_source_puts_back_is_told_apart_from_what_chance_does():
    (bar,) = bars(dark(5, 3, 0))
    assert "put back 30 of 6,000 good (12 of them not if it answers)" in bar.seen


def test_the_same_cells_measured_alone_or_beside_others_give_the_same_scores():
    one = replace(WORSE, cells=WORSE.cells[6:7], quick=6)
    two = replace(WORSE, cells=WORSE.cells[5:7], quick=6)
    alone, beside = (measure([question], 3, full=False, processes=1) for question in (one, two))
    key = (WORSE.title, WORSE.cells[6].name)
    assert len(alone[key]) == 10
    for mine, other in zip(alone[key], beside[key], strict=True):
        assert mine.rule == other.rule
        assert (mine.back_s == other.back_s).all()
        assert (mine.spoiled == other.spoiled).all()


def test_the_page_gets_its_tables_between_its_marks_and_keeps_the_rest(tmp_path):
    page = tmp_path / "judge.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(of_each(WORSE, 1500, 2000), [Bar("a promise", "what was seen", kept=True)], page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| surefoot | 75 % | 75 % | 75 % | 1 min | - | - |" in text
    assert "| PASS | a promise | what was seen |" in text


def test_a_page_without_marks_is_left_alone(tmp_path):
    page = tmp_path / "judge.md"
    page.write_text("nothing to fill in")
    with pytest.raises(ValueError, match="no place"):
        write({}, [], page)
    assert page.read_text() == "nothing to fill in"
