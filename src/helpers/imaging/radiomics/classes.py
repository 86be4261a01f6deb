"""PyRadiomics' feature classes, binned beforehand, and with the one feature that was slow computed faster."""

from __future__ import annotations

import logging

import numpy as np
from radiomics import firstorder, glcm, gldm, glrlm, glszm, ngtdm, shape

# Their classes log under the module of the subclass; what matters is raised as a sentence before they run.
for _name in ("radiomics", __name__):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class _Binned:
    """Takes the gray levels from the setting `levels`, found once an image instead of once a class."""

    def _applyBinning(self, matrix: np.ndarray) -> np.ndarray:  # noqa: N802 (PyRadiomics' name)
        levels = self.settings["levels"]
        self.coefficients["grayLevels"] = levels.present
        self.coefficients["Ng"] = int(levels.present[-1])
        return levels.matrix.copy()


class FirstOrder(_Binned, firstorder.RadiomicsFirstOrder):
    pass


class GrayLevelCooccurrence(_Binned, glcm.RadiomicsGLCM):
    def getMCCFeatureValue(self) -> np.ndarray | int:  # noqa: N802 (PyRadiomics' name)
        """Maximal correlation coefficient: the root of the second largest eigenvalue of Q, averaged over angles.

        Q(i, j) = sum over k of p(i, k) p(j, k) / (p_x(i) p_y(k) + eps), here as one matrix product an angle.
        """
        p = np.ascontiguousarray(self.P_glcm.transpose(0, 3, 1, 2))  # 1, angles, levels, levels
        px = self.coefficients["px"].transpose(0, 3, 1, 2)
        py = self.coefficients["py"].transpose(0, 3, 1, 2)
        q = (p / (px * py + self.coefficients["eps"])) @ p.swapaxes(2, 3)
        eigenvalues = np.linalg.eigvals(q)
        eigenvalues.sort()
        if eigenvalues.shape[2] < 2:
            return 1
        return np.nanmean(np.sqrt(eigenvalues[:, :, -2]), 1).real


class GrayLevelRunLength(_Binned, glrlm.RadiomicsGLRLM):
    pass


class GrayLevelSizeZone(_Binned, glszm.RadiomicsGLSZM):
    pass


class GrayLevelDependence(_Binned, gldm.RadiomicsGLDM):
    pass


class NeighboringGrayToneDifference(_Binned, ngtdm.RadiomicsNGTDM):
    pass


CLASSES = {
    "shape": shape.RadiomicsShape,
    "firstorder": FirstOrder,
    "glcm": GrayLevelCooccurrence,
    "glrlm": GrayLevelRunLength,
    "glszm": GrayLevelSizeZone,
    "gldm": GrayLevelDependence,
    "ngtdm": NeighboringGrayToneDifference,
}
