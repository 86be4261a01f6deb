"""Whoever waits sees how far a run is, and nobody's name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from helpers import progress


@pytest.fixture
def hurried(monkeypatch):
    """Every line is due; a notebook or not."""
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.delenv(progress.RELAY, raising=False)
    return lambda notebook: monkeypatch.setattr(progress, "_in_notebook", lambda: notebook)


def test_a_line_says_how_many_how_long_and_which_was_slowest():
    shown = progress.Progress("cases", 2000)
    assert shown.line() == "cases: 0 of 2,000"
    for seconds in (0.5, 3.25, 1.0):
        shown.add(seconds, lost=seconds == 1.0)
    shown._started -= 30
    assert shown.line() == "cases: 3 of 2,000, about 5.5 h left, slowest 3.2 s, 1 without a result"
    shown.count = 2000
    assert shown.line() == "cases: 2,000 of 2,000, in 30 s, slowest 3.2 s, 1 without a result"


@pytest.mark.parametrize(("seconds", "text"), [(0.042, "0.042 s"), (75, "75 s"), (720, "12 min"), (12600, "3.5 h")])
def test_times_are_spelled_as_people_say_them(seconds, text):
    assert progress.spell(seconds) == text


def test_a_notebook_run_by_hand_shows_ten_lines_at_most(hurried, capsys):
    hurried(True)
    with progress.Progress("cases", 1000) as shown:
        for _ in range(1000):
            shown.add(0.01, lost=False)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10 and lines[-1].startswith("cases: 1,000 of 1,000, in ")


def test_a_short_stage_says_nothing(capsys):
    with progress.Progress("cases", 3) as shown:
        for _ in range(3):
            shown.add(0.01, lost=False)
    assert capsys.readouterr().err == ""


def test_a_notebook_tells_the_command_that_runs_it(capfd):
    program = "from helpers import progress; progress.say('cases: 5 of 10')"
    with progress.relayed():
        subprocess.run([sys.executable, "-c", program], check=True)
    assert capfd.readouterr().err == "cases: 5 of 10\n"
    assert progress.RELAY not in os.environ


def test_a_command_that_is_gone_does_not_stop_the_notebook(monkeypatch, tmp_path):
    monkeypatch.setenv(progress.RELAY, str(tmp_path / "gone" / "progress"))
    progress.say("cases: 5 of 10")
