"""The integrity gate beyond the first seven checks: openings, permuted labels, canaries, duplicates, voxel controls.

Each rule reads tables that a stage has written; where none has, it is not applicable and says why.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from helpers import prose
from helpers.evaluation import canary_scores, duplicates, openings, permuted
from helpers.reporting.check import Check, verdict
from helpers.study import Study

TEXTURE = "texture"  # the model of table `controls` that has neither shape nor first-order features
CONTROLLED = ("endpoint", "model", "part", "kind")
NOT_RUN = "the stage 09_integrity is not part of this study"


def checks(study: Study) -> list[Check]:
    """The further rules, in a fixed order."""
    return [
        _opened(study),
        _permuted(study),
        _center(study),
        _volume(study),
        _duplicates_across(study),
        _duplicates_within(study),
        _voxels(study),
    ]


def _opened(study: Study) -> Check:
    claim, section = "The test part was not opened too often", "sec-integrity-openings"
    own = study.parameters.integrity
    ledger = openings.ledger(study)
    if ledger.empty:
        return Check(
            claim, "not applicable", "no frozen prediction was evaluated", section, "", own.openings_consequence
        )
    times = prose.count(len(ledger), "time")
    changed = [prose.count(ledger[c].nunique(), f"version of the {c}", f"versions of the {c}") for c in ledger]
    seen = f"opened {times}, with {prose.listing(changed)}"
    if own.openings is None:
        return Check(claim, "not applicable", f"{seen}; no limit was set", section, "", own.openings_consequence)
    limit = f"at most {prose.count(own.openings, 'opening')}"
    good = len(ledger) <= own.openings
    return Check(claim, verdict(good, own.openings_consequence), seen, section, limit, own.openings_consequence)


def _permuted(study: Study) -> Check:
    claim, section = "On permuted labels the pipeline finds nothing", "sec-integrity-permutation"
    found = study.tables.find("permutation")
    if found is None or not (found["permutation"] > 0).any():
        return Check(claim, "not applicable", NOT_RUN if found is None else "no labels were permuted", section)
    means = permuted.null_means(found, folds=study.parameters.modeling.folds)
    (endpoint, model), worst = max(means.items(), key=lambda item: item[1].mean - item[1].limit)
    _, p = permuted.real_and_p(found)[endpoint, model]
    seen = (
        f"mean out-of-fold AUC {prose.number(worst.mean)} of the {prose.model_inline(model)}, the model nearest to its limit, over "
        f"{prose.count(worst.permutations, 'permutation')}; {prose.p_value(p)} with the true labels (the smallest possible "
        f"is {prose.p_cell(1 / (worst.permutations + 1))})"
    )
    limit = f"a mean AUC of at most {prose.number(worst.limit)}, which one run in a hundred without a leak exceeds"
    return Check(claim, verdict(not any(m.leaks for m in means.values())), seen, section, limit)


def _canaries(study: Study, name: str) -> pd.DataFrame:
    found = study.tables.find("canaries")
    return pd.DataFrame() if found is None else found[found["canary"] == name]


def _center(study: Study) -> Check:
    claim, section = "The center alone does not tell the endpoint", "sec-integrity-canaries"
    own = _canaries(study, canary_scores.CENTER)
    if own.empty:
        why = NOT_RUN if study.tables.find("canaries") is None else "the training patients come from one center"
        return Check(claim, "not applicable", why, section, "", "caution")
    telling = own["low"].astype(float) > 0.5
    told = [f"AUC {_interval(row)} in {_part(row)}" for row in own.itertuples()]
    limit = "no interval above 0.50"
    return Check(claim, verdict(not telling.any(), "caution"), prose.listing(told), section, limit, "caution")


def _volume(study: Study) -> Check:
    claim, section = "The leading model beats the volume alone", "sec-integrity-canaries"
    own = _canaries(study, canary_scores.VOLUME)
    compared = own[own["difference"].notna()] if len(own) else own
    if compared.empty:
        why = (
            NOT_RUN if study.tables.find("canaries") is None else "no volume, or no part that the model was frozen for"
        )
        return Check(claim, "not applicable", why, section, "", "caution")
    differences = [
        f"AUC {prose.interval(r.difference, r.difference_low, r.difference_high)} higher in {_part(r)}"
        for r in compared.itertuples()
    ]
    good = bool((compared["difference_low"].astype(float) > 0).all())
    limit = "a difference whose interval lies above zero"
    return Check(claim, verdict(good, "caution"), prose.listing(differences), section, limit, "caution")


def _interval(row: tuple) -> str:
    return prose.interval(row.estimate, row.low, row.high)


def _part(row: tuple) -> str:
    name = prose.part_name(row.part, row.kind)
    return f"{name[0].lower()}{name[1:]}"


def _duplicates_across(study: Study) -> Check:
    claim = "No patient stands in two parts under two names"
    return _duplicates(study, claim, across=True)


def _duplicates_within(study: Study) -> Check:
    claim = "No patient stands twice in one part under two names"
    return _duplicates(study, claim, across=False)


def _duplicates(study: Study, claim: str, *, across: bool) -> Check:
    section, consequence = "sec-integrity-duplicates", "withhold" if across else "caution"
    tables = study.tables
    found = duplicates.pairs(tables.read("cases"), tables.find("duplicates"), tables.find("feature_twins"))
    if found is None:
        return Check(claim, "not applicable", "neither features nor images were compared", section, "", consequence)
    own = found[(found["part_a"] != found["part_b"]) == across].drop_duplicates(["case_a", "case_b", "kind"])
    distinct = own.drop_duplicates(["case_a", "case_b"])
    kinds = [f"{n} by {kind}" for kind, n in own["kind"].value_counts(sort=False).items()]
    seen = f"{prose.count(len(distinct), 'pair')} of patients ({prose.listing(kinds)})" if len(own) else "no such pair"
    return Check(claim, verdict(own.empty, consequence), seen, section, "no pair", consequence)


def _voxels(study: Study) -> Check:
    """Texture is the order of voxels: shuffled within the lesion it is gone, shuffled outside it is untouched."""
    claim, section = "What the lesion's texture tells is gone when its voxels are shuffled", "sec-integrity-voxels"
    found = study.tables.find("controls")
    if found is None or found.empty:
        return Check(claim, "not applicable", "no images with shuffled voxels were measured", section, "", "caution")
    told, good = [], True
    for (_, model, *_), own in found.groupby([c for c in CONTROLLED if c in found], sort=False):
        for words, holds in _control(own.set_index("control"), texture=_is_texture(str(model), found)):
            told.append(f"{prose.model_inline(str(model))}, {words}")
            good &= holds
    limit = (
        "at least half of what lay above chance is lost when shuffled inside, and no AUC below the original's outside"
    )
    return Check(claim, verdict(good, "caution"), "; ".join(told), section, limit, "caution")


def _is_texture(model: str, found: pd.DataFrame) -> bool:
    """Whether a model claims texture: the one called so, or any where none is."""
    return model == TEXTURE or TEXTURE not in set(found["model"])


def _control(own: pd.DataFrame, *, texture: bool) -> Iterator[tuple[str, bool]]:
    """What one model's AUC came to in each control, and whether that is as it should be.

    Shape and histogram survive the shuffle, so that only a model of texture must fall by it.
    """
    original = float(own.loc["original", "auc"])
    for control in [c for c in own.index if c != "original"]:
        area, low, high = (float(v) for v in own.loc[control, ["auc", "low", "high"]])
        words = f"shuffled {control}: AUC {prose.interval(area, low, high)}, before {prose.number(original)}"
        if control.startswith("outside"):
            yield words, not high < original
        else:
            yield words, not texture or original <= 0.5 or area - 0.5 < 0.5 * (original - 0.5)
