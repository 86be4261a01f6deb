"""How the images were prepared, in words, from the parameters that ran and for nothing else."""

from __future__ import annotations

from helpers import prose
from helpers.imaging import plan, voxel_controls
from helpers.parameters import Imaging, Parameters

SCALES = {
    "zscore": "z-scored within the head or body and clipped at {clip:g} standard deviations",
    "zscore_mask": "z-scored within the brain mask and clipped at {clip:g} standard deviations",
    "percentile": "scaled linearly so that the percentiles {low:g} and {high:g} of the head or body became 0 and 1, and clipped there",
    "whitestripe_t1": "scaled to the last peak of the brain's histogram, taken for white matter, and to the standard deviation around "
    "it (as in WhiteStripe [@shinohara2014])",
    "whitestripe_t2": "scaled to the main peak of the brain's histogram, taken for white matter, and to the standard deviation around "
    "it (as in WhiteStripe [@shinohara2014])",
    "none": "kept in physical units",
}


def images(parameters: Parameters) -> str:
    """One paragraph: sequences, each step of preparation, how masks were checked, and who stood in for a second reader."""
    imaging = parameters.imaging
    sentences = [
        f"Images were {prose.listing(parameters.cohort.sequences)}, {_grid(imaging)}.",
        _orientation(imaging),
        _registration(imaging),
        _masks(imaging),
        _bias(parameters),
        _skull(imaging),
        *_scales(parameters),
        f"A mismatch between the grids of mask and scan of at most {imaging.geometry_tolerance:g} mm was repaired and noted, a larger one "
        f"refused; lesions of fewer than {imaging.minimum_voxels} voxels were excluded.",
        _perturbed(parameters),
        _controls(parameters),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _grid(imaging: Imaging) -> str:
    if not imaging.spacing:
        return "kept on the grid of the scan"
    size = " x ".join(f"{s:g}" for s in imaging.spacing)
    return f"resampled to {size} mm (cubic B-splines, masks by nearest neighbor)"


def _orientation(imaging: Imaging) -> str:
    return f"Scans and masks were reoriented to {imaging.orientation}." if imaging.orientation else ""


def _registration(imaging: Imaging) -> str:
    if not imaging.register_to:
        return ""
    how = {"rigid": "rigidly", "affine": "affinely"}[imaging.register_transform]
    return (
        f"The other sequences of a patient were registered {how} to {imaging.register_to} by mutual information [@mattes2003] and "
        "resampled onto its grid by cubic B-splines; a sequence that was aligned already, or whose movement raised the information by less "
        f"than 2 % for each mm, kept its place, and a movement of more than {imaging.register_limit:g} mm was refused."
    )


def _masks(imaging: Imaging) -> str:
    if not imaging.mask_space:
        return ""
    return f"Lesions were outlined on {imaging.mask_space}, and these outlines carried to the other sequences by nearest neighbor."


def _bias(parameters: Parameters) -> str:
    corrected = [s for s in parameters.cohort.sequences if plan.of_sequence(parameters.imaging, s).n4]
    if not corrected or "n4" in (parameters.imaging.already or ()):
        return ""
    return (
        f"The bias field of {prose.listing(corrected)} was corrected by N4 [@tustison2010], fitted on every "
        f"{_ordinal(parameters.imaging.n4_shrink)} voxel of each axis."
    )


def _ordinal(number: int) -> str:
    return {1: "single", 2: "second", 3: "third"}.get(number, f"{number}th")


def _skull(imaging: Imaging) -> str:
    return "Everything outside the brain mask was set to the brain's lowest intensity." if imaging.skull_strip else ""


def _scales(parameters: Parameters) -> list[str]:
    """One sentence a method, with the sequences it was used for."""
    imaging = parameters.imaging
    methods = {s: plan.of_sequence(imaging, s).method for s in parameters.cohort.sequences}
    low, high = imaging.percentiles
    found = []
    for method in dict.fromkeys(methods.values()):
        named = prose.listing([s for s in methods if methods[s] == method])
        words = SCALES[method].format(clip=imaging.clip_sd, low=low, high=high)
        if imaging.skull_strip:
            words = words.replace("head or body", "brain")
        if method != "none" and "zscore" in (imaging.already or ()):
            words = "standardized before and were kept as they came"
        found.append(f"Intensities of {named} were {words}.")
    return found


def _perturbed(parameters: Parameters) -> str:
    if parameters.selection.reproducibility != "perturbation":
        return ""
    copies = prose.count(parameters.imaging.perturbations, "perturbed copy", "perturbed copies")
    words = {"rotation": "turned", "translation": "moved", "volume": "grown or shrunk", "contour": "contour redrawn"}
    amounts = parameters.imaging.perturbation.model_dump()
    done = ", ".join(word for name, word in words.items() if amounts[name]) or "unchanged"
    return f"There was no second reader: {copies} of each mask ({done}) took that reader's place."


def _controls(parameters: Parameters) -> str:
    words = {
        "inside": "within the lesion, which keeps its shape and histogram",
        "outside": "of the head or body outside of it and of all that lies within {reach:g} mm of its box",
    }
    asked = [words[name].format(reach=voxel_controls.REACH) for name in parameters.controls.voxels]
    if not asked:
        return ""
    return (
        "As negative controls [@welch2019], everything was measured and modeled again, in the same outlines and folds, with the "
        f"voxels of the prepared scans in random order: {', or '.join(asked)}."
    )
