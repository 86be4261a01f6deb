"""The steps of selection as scikit-learn transformers, to be put into a Pipeline with any classifier.

Each learns from the rows it is fitted on and nothing else, so that a Pipeline in a cross-validation repeats it in every fold.
"""

from helpers.learning.transformers.frequency import SelectionFrequency
from helpers.learning.transformers.mrmr import MRMR
from helpers.learning.transformers.penalized import LassoSelector
from helpers.learning.transformers.redundancy import SpearmanRedundancy
from helpers.learning.transformers.reproducible import ReproducibilityGate
from helpers.learning.transformers.univariate import UnivariateFDR
from helpers.learning.transformers.variance import CommonestValue, NearZeroVariance

__all__ = [
    "MRMR",
    "CommonestValue",
    "LassoSelector",
    "NearZeroVariance",
    "ReproducibilityGate",
    "SelectionFrequency",
    "SpearmanRedundancy",
    "UnivariateFDR",
]
