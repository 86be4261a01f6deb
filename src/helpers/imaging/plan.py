"""Which steps a study asks for before measuring, one plan a sequence, and whether they can be taken at all."""

from __future__ import annotations

from dataclasses import dataclass

from helpers.errors import RadiogramError
from helpers.parameters import Imaging, Parameters


@dataclass(frozen=True)
class Plan:
    """The steps asked for; each field is the parameter of that name under `imaging:`, for one sequence."""

    method: str = "zscore"
    clip_sd: float = 5.0
    spacing: tuple[float, float, float] | None = None
    orientation: str | None = None
    n4: bool = False
    n4_shrink: int = 4
    skull_strip: bool = False
    percentiles: tuple[float, float] = (1.0, 99.0)
    already: tuple[str, ...] | None = None


def of_sequence(imaging: Imaging, sequence: str) -> Plan:
    """What a study's parameters ask for one sequence."""
    method = imaging.normalize.get(sequence, imaging.normalize.get("default", "zscore"))
    return Plan(
        method=method, clip_sd=imaging.clip_sd, spacing=imaging.spacing, orientation=imaging.orientation,
        n4=sequence in imaging.n4 or "all" in imaging.n4, n4_shrink=imaging.n4_shrink, skull_strip=imaging.skull_strip,
        percentiles=imaging.percentiles, already=imaging.already,
    )  # fmt: skip


def preflight(parameters: Parameters) -> None:
    """Raises RadiogramError for steps that name an unknown sequence, or contradict each other, before the first case."""
    imaging, known = parameters.imaging, parameters.cohort.sequences
    named = {
        "imaging.n4": [s for s in imaging.n4 if s != "all"],
        "imaging.normalize": [s for s in imaging.normalize if s != "default"],
        "imaging.register_to": [imaging.register_to] if imaging.register_to else [],
        "imaging.mask_space": [imaging.mask_space] if imaging.mask_space else [],
    }
    for parameter, sequences in named.items():
        for sequence in sequences:
            if known and sequence not in known:
                raise RadiogramError(f"{parameter} names {sequence}, but cohort.sequences has only {', '.join(known)}.")
    if imaging.orientation and not _is_orientation(imaging.orientation):
        raise RadiogramError(
            f"imaging.orientation {imaging.orientation} names an axis twice: use one letter each of R/L, A/P and I/S, as in LPS."
        )
    low, high = imaging.percentiles
    if not low < high:
        raise RadiogramError(f"imaging.percentiles {low:g} and {high:g}: the first must be the lower one.")


def _is_orientation(letters: str) -> bool:
    return all(len(set(letters) & set(pair)) == 1 for pair in ("RL", "AP", "IS"))
