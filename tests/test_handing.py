"""Cases go out so that nobody idles, memory stays flat, and only who is guilty is held to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from helpers.handing import AHEAD, BATCH, Handing
from helpers.isolation import Reply


def work(count, *, threads, seconds=0.01, deadly=()):
    """Everything handed out in turn by `threads` processes; a deadly case takes its worker along. Tasks, replies."""
    handing, tasks, replies = Handing(count), [], {}
    tasks += handing.tasks(threads)
    while handing.out:
        key, indices = next(iter(handing.out.items()))
        replied = [Reply("value", b"", seconds)] * len(indices)
        found = handing.lost(key) if set(indices) & set(deadly) else handing.done(key, replied)
        assert not set(replies) & {index for index, _ in found}
        replies |= dict(found)
        tasks += handing.tasks(threads)
        assert len(handing.out) <= AHEAD * threads
    return tasks, replies


@given(st.integers(1, 300), st.integers(1, 9), st.floats(0, 10), st.sets(st.integers(0, 299), max_size=5))
def test_every_case_is_answered_once_and_only_the_deadly_ones_with_an_error(count, threads, seconds, deadly):
    tasks, replies = work(count, threads=threads, seconds=seconds, deadly=deadly)
    assert sorted(replies) == list(range(count))
    assert {index for index, reply in replies.items() if reply.kind == "error"} == {i for i in deadly if i < count}
    assert len({key for key, _ in tasks}) == len(tasks)


def test_short_cases_travel_in_batches_and_long_ones_alone():
    short, _ = work(2000, threads=2, seconds=0.01)
    assert len(short) < 100 and max(len(indices) for _, indices in short) <= BATCH / 0.01
    long, _ = work(50, threads=2, seconds=60)
    assert all(len(indices) == 1 for _, indices in long)


def test_the_last_batches_are_small_so_that_all_processes_end_together():
    tasks, _ = work(2000, threads=2, seconds=0.001)
    assert [len(indices) for _, indices in tasks[-8:]] == [1] * 8
