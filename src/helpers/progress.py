"""How far a long stage is, on standard error: counts and seconds, never a name."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

RELAY = "RADIOGRAM_PROGRESS"  # file that a notebook's kernel writes its progress to, for the command that runs it
EVERY = 5.0  # seconds between lines
QUIET = 60.0  # seconds between lines while nothing is done


class Progress:
    """`done` of `total` with the time left and the slowest case; in a notebook of its own no more than ten lines."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total = label, total
        self.count = self.lost = 0
        self.slowest = 0.0
        self._started = self._shown = time.monotonic()
        self._counted = self._tenth = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_showing, daemon=True)

    def __enter__(self) -> Progress:
        if RELAY in os.environ or not _in_notebook():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self.count == self.total and time.monotonic() - self._started > EVERY:
            _tell(self.line())

    def add(self, seconds: float, *, lost: bool) -> None:
        """One case more is done, in so many seconds, or is lost."""
        self.count += 1
        self.lost += lost
        self.slowest = max(self.slowest, seconds)
        tenth = 10 * self.count // self.total
        if not self._thread.is_alive() and tenth > self._tenth and self.count < self.total and self._due():
            self._tenth = tenth
            self._show()

    def line(self) -> str:
        elapsed = time.monotonic() - self._started
        parts = [f"{self.label}: {self.count:,} of {self.total:,}"]
        if self.count == self.total:
            parts.append(f"in {spell(elapsed)}")
        elif self.count:
            parts.append(f"about {spell(elapsed / self.count * (self.total - self.count))} left")
        if self.count:
            parts.append(f"slowest {spell(self.slowest)}")
        if self.lost:
            parts.append(f"{self.lost:,} without a result")
        return ", ".join(parts)

    def _keep_showing(self) -> None:
        while not self._over.wait(EVERY):
            if self.count != self._counted or time.monotonic() - self._shown > QUIET:
                self._show()

    def _due(self) -> bool:
        return time.monotonic() - self._shown > EVERY

    def _show(self) -> None:
        self._shown, self._counted = time.monotonic(), self.count
        _tell(self.line())


def spell(seconds: float) -> str:
    """0.42 s, 42 s, 12 min, 3.5 h."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def say(line: str) -> None:
    """A line for whoever watches the run; nothing in a notebook that is run by hand."""
    if RELAY in os.environ or not _in_notebook():
        _tell(line)


@contextmanager
def relayed() -> Iterator[None]:
    """While inside, the progress of notebooks run from here appears on this command's standard error."""
    with TemporaryDirectory(prefix="radiogram-") as folder:
        path, over = Path(folder) / "progress", threading.Event()
        path.touch()
        os.environ[RELAY] = str(path)
        reader = threading.Thread(target=_follow, args=[path, over], daemon=True)
        reader.start()
        try:
            yield
        finally:
            del os.environ[RELAY]
            over.set()
            reader.join()


def _follow(path: Path, over: threading.Event) -> None:
    with open(path, encoding="utf-8") as file:
        while True:
            last = over.wait(1.0)
            text = file.read()
            if text:
                print(text, end="", file=sys.stderr, flush=True)
            if last:
                return


def _tell(line: str) -> None:
    relay = os.environ.get(RELAY)
    if relay is None:
        print(line, file=sys.stderr, flush=True)
    else:
        with suppress(OSError), open(relay, "a", encoding="utf-8") as file:  # whoever read it may be gone
            file.write(f"{line}\n")


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
