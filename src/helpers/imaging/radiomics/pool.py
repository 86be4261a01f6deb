"""Threads for images to be measured side by side; or none, and each at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@contextmanager
def workers(threads: int) -> Iterator[Any]:
    """A pool of threads; of one thread, which computes whatever is submitted at once."""
    if threads <= 1:
        yield _AtOnce()
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool


@dataclass(frozen=True)
class Done:
    """A result that is there already."""

    value: Any

    def result(self) -> Any:
        return self.value


class _AtOnce:
    def submit(self, function: Callable[..., Any], *arguments: Any) -> Done:
        return Done(function(*arguments))
