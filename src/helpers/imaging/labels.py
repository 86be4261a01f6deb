"""Which values of a mask are the lesion: a value, several, or a region of a named convention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from helpers.errors import CaseError, RadiogramError
from helpers.prose import listing

Values = int | Sequence[int] | str
Rule = Values | Mapping[str, Values]

# BraTS 2021 (arXiv 2107.02314): 1 necrotic core, 2 edema, 4 enhancing tumor. BraTS 2024, post-treatment glioma
# (arXiv 2405.18368): 1 non-enhancing tumor core, 2 surrounding FLAIR hyperintensity, 3 enhancing tissue, 4 resection
# cavity; there the whole tumor is 1 + 2 + 3.
CONVENTIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "brats2021": {
        "whole_tumor": (1, 2, 4),
        "tumor_core": (1, 4),
        "enhancing": (4,),
        "necrosis": (1,),
        "edema": (2,),
    },
    "brats2024": {
        "whole_tumor": (1, 2, 3),
        "tumor_core": (1, 3),
        "enhancing": (3,),
        "netc": (1,),
        "snfh": (2,),
        "resection_cavity": (4,),
    },
}


def of_sequence(rule: Rule, sequence: str) -> Values:
    """The rule of one sequence: its own, else that of the key `default`. Raises RadiogramError where neither is given."""
    if not isinstance(rule, Mapping):
        return rule
    if sequence not in rule and "default" not in rule:
        raise RadiogramError(
            f"imaging.mask_label says nothing of {sequence}, but of {listing(list(rule))}: add it, or the key default."
        )
    return rule.get(sequence, rule.get("default"))


def chosen(rule: Rule, sequence: str = "default") -> tuple[int, ...]:
    """The values that are the lesion in the masks of a sequence. Raises RadiogramError for an unknown convention or region."""
    values = of_sequence(rule, sequence)
    if isinstance(values, str):
        return _region(values)
    return (values,) if isinstance(values, int) else tuple(dict.fromkeys(values))


def preflight(rule: Rule, sequences: Iterable[str]) -> None:
    """Raises RadiogramError, before any image is read, for a rule that some sequence cannot use."""
    for sequence in sequences:
        chosen(rule, sequence)


def lesion(present: Sequence[float], values: Values, *, where: str) -> tuple[tuple[float, ...], str]:
    """Which of the non-zero values of one mask are the lesion, and a note ("" when they are as they should be).

    A mask whose only value differs from a single wanted one (0/255, say) is read as the lesion, and noted.
    Raises CaseError for a mask without any wanted value, or whose values contradict the convention.
    """
    wanted = chosen(values)
    note = _check_convention(present, values, where) if isinstance(values, str) else ""
    found = tuple(value for value in wanted if value in present)
    if found:
        return found, note
    if len(present) == 1 and isinstance(values, int):
        return (present[0],), f"mask value {present[0]:g} read as the lesion"
    said = f"{wanted[0]}" if len(wanted) == 1 else listing([str(value) for value in wanted], "or")
    named = f" ({values})" if isinstance(values, str) else ""
    remedy = (
        "the case has no such region" if isinstance(values, str) else "set imaging.mask_label to the lesion's value"
    )
    raise CaseError(f"{where} has no voxel of value {said}{named}, but of {_listed(present)}: {remedy}.")


def _region(text: str) -> tuple[int, ...]:
    convention, _, region = text.partition(":")
    if convention not in CONVENTIONS:
        raise RadiogramError(f"imaging.mask_label {text}: known conventions are {listing(list(CONVENTIONS))}.")
    if region not in CONVENTIONS[convention]:
        regions = listing(list(CONVENTIONS[convention]))
        raise RadiogramError(f"imaging.mask_label {text}: the regions of {convention} are {regions}.")
    return CONVENTIONS[convention][region]


def _check_convention(present: Sequence[float], text: str, where: str) -> str:
    """A note where the values fit another convention better. Raises CaseError where they contradict this one."""
    convention = text.partition(":")[0]
    known = _values(convention)
    foreign = [value for value in present if value not in known]
    if foreign:
        fitting = [name for name in CONVENTIONS if name != convention and set(present) <= _values(name)]
        likely = f"it looks like {fitting[0]}" if fitting else f"{convention} has {_listed(sorted(known))} only"
        raise CaseError(
            f"{where} has value {_listed(foreign)}, which {convention} does not: {likely}. Set imaging.mask_label."
        )
    if convention == "brats2024" and {1, 4} <= set(present) and 3 not in present:
        # A tumor core without enhancement is rare after treatment, and BraTS 2021 writes enhancement as 4.
        return "mask has values 1 and 4 without 3, as BraTS 2021 writes enhancing tumor: check the convention"
    return ""


def _values(convention: str) -> set[int]:
    return {value for region in CONVENTIONS[convention].values() for value in region}


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values[:10]) + (" and more" if len(values) > 10 else "")
