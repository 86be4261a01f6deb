"""What was done to an image before we saw it, so that no step is silently taken twice."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError

# Names of bias-corrected images: *_bias.nii.gz (UCSF-PDGM), *_n4, *_bfc, *_restore (FSL FAST).
CORRECTED = re.compile(r"(^|[_.\-])(n4|n4corr\w*|bias|biascorr\w*|bias_?corrected|bfc|restore)(?=[_.\-]|$)", re.I)
EMPTY = 0.9  # share of voxels of one value outside the brain that tells a stripped image


def refuse_second_n4(name: str, declared: tuple[str, ...] | None) -> None:
    """Raises CaseError where N4 is asked for on a file that is called corrected, unless `declared` settles the matter."""
    if declared is None and CORRECTED.search(Path(name).name):
        raise CaseError(
            "imaging.n4 asks for bias correction, but the file is named as corrected ones are: take its sequence out of "
            "imaging.n4, or set imaging.already=[] where nothing was done before."
        )


def stripped(image: sitk.Image, brain: np.ndarray) -> bool:
    """Whether nearly all voxels outside the brain (boolean z, y, x) have one value already."""
    outside = sitk.GetArrayViewFromImage(image)[~brain]
    if not outside.size:
        return True
    return bool(np.mean(outside == np.median(outside)) > EMPTY)
