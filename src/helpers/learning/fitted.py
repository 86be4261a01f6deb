"""What every fitted object remembers: the patients it saw, whose rows it never scores as frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helpers.errors import RadiogramError
from helpers.learning.rows import Rows

FloatArray = NDArray[np.float64]


def fingerprint(patients: Iterable[str]) -> str:
    """SHA-256 of the sorted patient identifiers, one a line: tells who was seen without naming them."""
    return hashlib.sha256("\n".join(sorted(patients)).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A fitted object: what it is, for messages, and the patients it was fitted on."""

    what: str
    seen: frozenset[str]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.seen)

    def refuse(self, patients: Iterable[str]) -> None:
        """Raises RadiogramError when one of the patients shaped this object."""
        shared = sorted(self.seen & {str(name) for name in patients})
        if shared:
            raise RadiogramError(
                f"The {self.what} was fitted on patient {shared[0]}: its rows cannot be scored as frozen."
            )

    def require_seen(self, rows: Rows) -> None:
        """Raises RadiogramError unless every row's patient shaped this object: only then is a score apparent."""
        strangers = sorted(rows.patients - self.seen)
        if strangers:
            raise RadiogramError(
                f"The {self.what} was not fitted on patient {strangers[0]}: its rows have no apparent score."
            )

    def require_population(self, rows: Rows) -> None:
        """Raises RadiogramError unless these are training rows with every patient that shaped this object among them.

        Only then can the patients it saw have been drawn from them: a resample's fit scores nothing else this way.
        """
        other = np.flatnonzero(rows.part != "train")
        if other.size:
            case, part = rows.case[other[0]], rows.part[other[0]]
            raise RadiogramError(
                f"Case {case} is in part {part}: a resampled {self.what} is judged on the training rows it came from."
            )
        missing = sorted(self.seen - rows.patients)
        if missing:
            raise RadiogramError(
                f"The {self.what} was fitted on patient {missing[0]}, who is not among these rows: "
                "they are not the training rows that its sample was drawn from."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Scorer(Fitted):
    """A fitted object that gives a row a number; a subclass says how in `_values`."""

    def score(self, rows: Rows) -> FloatArray:
        """Frozen scores (n,); raises RadiogramError for the rows of a patient it was fitted on."""
        self.refuse(rows.patient.tolist())
        return self._values(rows)

    def apparent(self, rows: Rows) -> FloatArray:
        """Scores (n,) of the very rows it was fitted on: optimistic, and to be called so."""
        self.require_seen(rows)
        return self._values(rows)

    def resampled(self, rows: Rows) -> FloatArray:
        """Scores (n,) of the training rows its bootstrap sample was drawn from, seen or not: for optimism alone."""
        self.require_population(rows)
        return self._values(rows)

    def _values(self, rows: Rows) -> FloatArray:
        raise NotImplementedError
