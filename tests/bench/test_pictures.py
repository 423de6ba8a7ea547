"""The pictures of what was measured, and the command that measures."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from judging.grid import QUESTIONS, WORSE
from judging.measure import Score
from judging.ours import OURS
from judging.peers import PEERS
from judging.plots import draw

ROOT = Path(__file__).parents[2]
NAMES = ["judge-false-alarms.svg", "judge-power.svg", "judge-time.svg"]


def row(cell):
    """Return a score of each rule, the later ones putting back more."""
    rules = (OURS, *PEERS)
    backs = [np.where(np.arange(20) < number, 600.0, np.inf) for number in range(len(rules))]
    nothing = np.zeros(20)
    return [Score(cell, rule, back, nothing, nothing) for rule, back in zip(rules, backs, strict=True)]


@pytest.fixture(scope="module")
def scores():
    return {(question.title, cell.name): row(cell) for question in QUESTIONS for cell in question.cells}


def test_the_same_scores_give_the_same_bytes(scores, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        assert sorted(path.name for path in draw(scores, folder)) == NAMES
    for name in NAMES:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_picture_names_every_rule_and_says_which_are_dashed(scores, tmp_path):
    draw(scores, tmp_path)
    text = (tmp_path / "judge-power.svg").read_text("utf-8")
    assert all(rule in text for rule in (OURS, *PEERS))
    assert "2% of good releases" in text


def test_what_was_not_measured_is_not_drawn(scores, tmp_path):
    some = {key: value for key, value in scores.items() if key[0] == WORSE.title}
    assert sorted(path.name for path in draw(some, tmp_path)) == ["judge-power.svg", "judge-time.svg"]
    assert draw({}, tmp_path) == []


@pytest.mark.slow
def test_the_command_measures_on_two_processes_and_prints_a_table_of_every_rule():
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "judge.py", "--only", "4x 0.5/s", "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "ours KayE KayM Argo Fla5 Fl10 Pip0 Pip1 PooE PooM" in done.stdout
    assert "4x 0.5/s Poisson" in done.stdout
    assert "one look of a million requests" in done.stdout
    assert "2 of 2 batches" in done.stderr
