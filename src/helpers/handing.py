"""Which cases go out next, and with whom: a few tasks at a time, short cases in batches, suspects alone at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from statistics import fmean

from helpers.isolation import Reply

AHEAD = 2  # tasks a process that are out at once; the rest wait here, so that thousands cost no memory
BATCH = 0.5  # seconds of short cases that make one task
EVEN = 4  # batches at least that each process still gets, so that all end together


class Handing:
    """`count` cases by their index; one whose worker died is tried once more while nothing else runs."""

    def __init__(self, count: int) -> None:
        self.out: dict[str, list[int]] = {}  # indices of each task that is out
        self._waiting = deque(range(count))
        self._suspects: deque[int] = deque()
        self._alone: str | None = None
        self._pace = BATCH  # seconds a case, lately

    def tasks(self, threads: int) -> Iterator[tuple[str, list[int]]]:
        """(key, indices) of the tasks that are to go out now to so many processes."""
        while self._waiting and len(self.out) < AHEAD * threads:
            size = min(BATCH / self._pace, len(self._waiting) / (EVEN * threads))
            indices = [self._waiting.popleft() for _ in range(max(1, int(size)))]
            self.out[key := str(indices[0])] = indices
            yield key, indices
        if self._suspects and not self.out:
            index = self._suspects.popleft()
            self.out[key := f"{index}-alone"] = [index]
            self._alone = key
            yield key, [index]

    def done(self, key: str, replies: Sequence[Reply]) -> list[tuple[int, Reply]]:
        """(index, reply) of the cases of a task."""
        self._pace += (max(fmean(reply.seconds for reply in replies), 1e-3) - self._pace) / 4
        return list(zip(self.out.pop(key), replies, strict=True))

    def lost(self, key: str) -> list[tuple[int, Reply]]:
        """A task whose workers died: in company any of the cases there may have done it; alone, this one did."""
        indices = self.out.pop(key)
        if key == self._alone:
            return [(indices[0], Reply("error", "its worker died each time it ran, and nothing else ran then"))]
        self._suspects.extend(indices)
        return []
