"""Blocks of features: those of one sequence and kind, each with a selection of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from helpers.errors import RadiogramError
from helpers.learning import signatures, stability
from helpers.learning.rows import Rows
from helpers.learning.signatures import FeatureSignature
from helpers.parameters import Parameters

KEYS = ("case", "reader")  # columns of table features that are none


def named(parameters: Parameters) -> list[str]:
    """Every block that an input of the contest reads, once, in the order of the inputs."""
    return list(dict.fromkeys(block for each in parameters.contest.inputs for block in each.blocks))


def restrict(rows: Rows, block: str, *, sequences: Sequence[str]) -> Rows:
    """The same rows with the features of one block alone, in every measurement."""
    names = columns(rows, block, sequences=sequences)
    return replace(rows, features=rows.features[names], repeats=tuple(frame[names] for frame in rows.repeats))


def columns(rows: Rows, block: str, *, sequences: Sequence[str]) -> list[str]:
    """Feature columns of a block."""
    return of_block(list(rows.features.columns), block, sequences=sequences)


def of_block(names: Sequence[str], block: str, *, sequences: Sequence[str]) -> list[str]:
    """Names of a block: "T2 deep" are the deep features of T2, "deep" those of every sequence, radiomics all others."""
    sequence, _, kind = block.rpartition(" ")
    known = [*sequences, sequence]
    of_kind = [name for name in names if name not in KEYS and ("_deep_" in name) == (kind == "deep")]
    return [name for name in of_kind if _sequence(name, known) == sequence] if sequence else of_kind


def _sequence(name: str, sequences: Sequence[str]) -> str:
    """The sequence a feature is of: the longest name it begins with, as T1 and T1_c both may be there."""
    return max((s for s in sequences if s and name.startswith(f"{s}_")), key=len, default="")


def require(rows: Rows, *, parameters: Parameters) -> None:
    """Raises RadiogramError for a block without features, clinical inputs without variables, and a gate without repeats."""
    for block in named(parameters):
        if not columns(rows, block, sequences=parameters.cohort.sequences):
            raise RadiogramError(
                f"contest.inputs reads the block {block}, but table features has no such feature: "
                "check the sequence's name, or take the block out."
            )
        stability.require_repeats(rows, selection=parameters.selection)
    reading = [each.name for each in parameters.contest.inputs if each.clinical]
    if reading and rows.clinical.columns.empty:
        raise RadiogramError(
            f"contest.inputs: {reading[0]} reads clinical variables, but cohort.clinical is empty: "
            "name variables there, or set clinical to false."
        )


def select(rows: Rows, *, parameters: Parameters, seed: int) -> dict[str, FeatureSignature]:
    """Gate, redundancy filter and LASSO of every block, learned from these training rows alone."""
    found = {}
    for block in named(parameters):
        own = restrict(rows, block, sequences=parameters.cohort.sequences)
        found[block] = signatures.fit(block.rpartition(" ")[2], own, parameters=parameters, seed=seed)
    return found


def kept(chosen: Mapping[str, FeatureSignature]) -> dict[str, int]:
    """Features that LASSO kept of every block."""
    return {block: len(signature.coefficients) for block, signature in chosen.items()}
