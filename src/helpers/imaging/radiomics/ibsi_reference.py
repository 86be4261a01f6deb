"""Reference values of the image biomarker standardization initiative for its digital phantom, as printed.

Typed from its reference manual (Zwanenburg et al. 2016, arXiv 1612.07003; 2020, doi 10.1148/radiol.2020191145), each
feature with the manual's own code and name. The values have three significant digits, trailing zeros left out.
"""

from __future__ import annotations

from typing import NamedTuple

ONCE = ("",)
AVERAGED, MERGED = "3D, averaged", "3D, merged"
SLICES_AVERAGED, SLICES_MERGED = "2.5D, direction-merged", "2.5D, merged"
DIRECTIONS = (AVERAGED, MERGED, SLICES_AVERAGED, SLICES_MERGED)
VOLUMES = ("3D", "2.5D")


class Reference(NamedTuple):
    """A feature by PyRadiomics' class and name, by the manual's code and name, and its values by aggregation."""

    kind: str
    feature: str
    code: str
    title: str
    values: dict[str, float]


SHAPE = """
Compactness1 SKGS 0.0411 compactness 1
Compactness2 BQWJ 0.599 compactness 2
Elongation Q3CK 0.816 elongation
Flatness N17B 0.749 flatness
LeastAxisLength 7J51 8.54 least axis length
MajorAxisLength TDIC 11.4 major axis length
Maximum3DDiameter L0JK 13.1 maximum 3D diameter
MeshVolume RNU0 556 volume (mesh)
MinorAxisLength P9VJ 9.31 minor axis length
SphericalDisproportion KRCK 1.19 spherical disproportion
Sphericity QCFX 0.843 sphericity
SurfaceArea C0JK 388 surface area (mesh)
SurfaceVolumeRatio 2PR5 0.698 surface to volume ratio
VoxelVolume YEKZ 592 volume (voxel counting)
"""

FIRST_ORDER = """
10Percentile QG58 1 10th intensity percentile
90Percentile 8DWT 4 90th intensity percentile
Energy N8CA 567 intensity-based energy
Entropy TLU2 1.27 discretized intensity entropy
InterquartileRange SALO 3 intensity interquartile range
Kurtosis IPH6 -0.355 (excess) intensity kurtosis
Maximum 84IY 6 maximum intensity
MeanAbsoluteDeviation 4FUA 1.55 intensity-based mean absolute deviation
Mean Q4LE 2.15 mean intensity
Median Y12H 1 median intensity
Minimum 1GSF 1 minimum intensity
Range 2OJQ 5 intensity range
RobustMeanAbsoluteDeviation 1128 1.11 intensity-based robust mean absolute deviation
RootMeanSquared 5ZWQ 2.77 root mean square intensity
Skewness KE2A 1.08 intensity skewness
Uniformity BJ5W 0.512 discretized intensity uniformity
Variance ECT3 3.05 intensity variance
"""

# Values by aggregation: those of DIRECTIONS for co-occurrence and run length, those of VOLUMES for the others.
COOCCURRENCE = """
Autocorrelation QWB0 5.06 5.19 5.4 5.45 autocorrelation
ClusterProminence AE86 145 147 147 142 cluster prominence
ClusterShade 7NFM 16.6 17.4 16.6 16.4 cluster shade
ClusterTendency DG8W 7.07 7.41 7.48 7.65 cluster tendency
Contrast ACUI 5.32 5.12 5.39 5.29 contrast
Correlation NI2N 0.157 0.183 0.178 0.182 correlation
DifferenceAverage TF7R 1.43 1.38 1.46 1.44 difference average
DifferenceEntropy NTRS 1.56 1.64 1.61 1.67 difference entropy
DifferenceVariance D3YU 3.06 3.21 3.11 3.23 difference variance
Id IB1Z 0.677 0.688 0.668 0.673 inverse difference
Idm WF0Z 0.618 0.631 0.606 0.613 inverse difference moment
Idmn 1QCO 0.898 0.902 0.897 0.899 normalized inverse difference moment
Idn NDRX 0.851 0.856 0.847 0.85 normalized inverse difference
Imc1 R8DG -0.157 -0.0288 -0.124 -0.0334 information correlation 1
Imc2 JN9H 0.52 0.269 0.487 0.291 information correlation 2
InverseVariance E8JP 0.0604 0.0574 0.0597 0.0582 inverse variance
JointAverage 60VM 2.14 2.15 2.2 2.2 joint average
JointEnergy 8ZQL 0.303 0.291 0.286 0.277 angular second moment
JointEntropy TU9B 2.4 2.57 2.48 2.61 joint entropy
MaximumProbability GYBY 0.503 0.509 0.489 0.492 joint maximum
SumAverage ZGXS 4.29 4.3 4.41 4.41 sum average
SumEntropy P6QZ 1.92 2.11 2.01 2.14 sum entropy
SumSquares UR99 3.1 3.13 3.22 3.24 joint variance
"""

RUN_LENGTH = """
GrayLevelNonUniformity R5YN 21.8 281 19.5 77.1 gray level non-uniformity
GrayLevelNonUniformityNormalized OVBL 0.43 0.43 0.413 0.412 normalized gray level non-uniformity
GrayLevelVariance 8CE5 3.46 3.48 3.58 3.59 gray level variance
HighGrayLevelRunEmphasis G3QZ 9.7 9.64 10.3 10.2 high gray level run emphasis
LongRunEmphasis W4KF 3.06 2.76 3.46 3.27 long runs emphasis
LongRunHighGrayLevelEmphasis 3KUM 17.6 15.6 17.9 17 long run high gray level emphasis
LongRunLowGrayLevelEmphasis IVPO 2.39 2.16 2.79 2.63 long run low gray level emphasis
LowGrayLevelRunEmphasis V3SW 0.603 0.607 0.58 0.585 low gray level run emphasis
RunEntropy HJ9O 2.43 2.62 2.52 2.76 run entropy
RunLengthNonUniformity W92Y 26.9 328 22.3 83.2 run length non-uniformity
RunLengthNonUniformityNormalized IC23 0.513 0.501 0.461 0.445 normalized run length non-uniformity
RunPercentage 9ZK5 0.68 0.68 0.632 0.632 run percentage
RunVariance SXLW 0.574 0.598 0.758 0.767 run length variance
ShortRunEmphasis 22OV 0.705 0.729 0.665 0.68 short runs emphasis
ShortRunHighGrayLevelEmphasis GD3A 8.54 8.67 9.03 9.05 short run high gray level emphasis
ShortRunLowGrayLevelEmphasis HTZT 0.352 0.372 0.296 0.312 short run low gray level emphasis
"""

SIZE_ZONE = """
GrayLevelNonUniformity JNSA 1.4 5.44 gray level non-uniformity
GrayLevelNonUniformityNormalized Y1RO 0.28 0.302 normalized gray level non-uniformity
GrayLevelVariance BYLV 2.64 3.92 gray level variance
HighGrayLevelZoneEmphasis 5GN9 15.6 16.2 high gray level zone emphasis
LargeAreaEmphasis 48P8 550 34.2 large zone emphasis
LargeAreaHighGrayLevelEmphasis J17V 1490 107 large zone high gray level emphasis
LargeAreaLowGrayLevelEmphasis YH51 503 30.6 large zone low gray level emphasis
LowGrayLevelZoneEmphasis XMSY 0.253 0.368 low gray level zone emphasis
SizeZoneNonUniformity 4JP3 1 3.44 zone size non-uniformity
SizeZoneNonUniformityNormalized VB3A 0.2 0.191 normalized zone size non-uniformity
SmallAreaEmphasis 9SAK 0.255 0.368 small zone emphasis
SmallAreaHighGrayLevelEmphasis HW1V 2.76 9.87 small zone high gray level emphasis
SmallAreaLowGrayLevelEmphasis 5RAI 0.0256 0.0295 small zone low gray level emphasis
ZoneEntropy GU8N 2.32 3.08 zone size entropy
ZonePercentage P30P 0.0676 0.243 zone percentage
ZoneVariance 3NSA 331 17.3 zone size variance
"""

# PyRadiomics' GLDM; the manual's neighboring gray level dependence.
DEPENDENCE = """
DependenceEntropy FCBV 4.4 3.36 dependence count entropy
DependenceNonUniformity Z87G 4.86 12.4 dependence count non-uniformity
DependenceNonUniformityNormalized OKJI 0.0657 0.167 normalized dependence count non-uniformity
DependenceVariance DNX2 22.1 3.27 dependence count variance
GrayLevelNonUniformity FP8K 37.9 37.9 gray level non-uniformity
GrayLevelVariance 1PFV 3.05 3.05 gray level variance
HighGrayLevelEmphasis OAE7 7.66 7.66 high gray level count emphasis
LargeDependenceEmphasis IMOQ 109 18.8 high dependence emphasis
LargeDependenceHighGrayLevelEmphasis 9QMG 235 50.8 high dependence high gray level emphasis
LargeDependenceLowGrayLevelEmphasis NBZI 102 17.2 high dependence low gray level emphasis
LowGrayLevelEmphasis TL9H 0.693 0.693 low gray level count emphasis
SmallDependenceEmphasis SODN 0.045 0.159 low dependence emphasis
SmallDependenceHighGrayLevelEmphasis JA6D 0.736 3.07 low dependence high gray level emphasis
SmallDependenceLowGrayLevelEmphasis EQ3F 0.00963 0.0477 low dependence low gray level emphasis
"""

TONE_DIFFERENCE = """
Busyness NQ30 6.54 6.8 busyness
Coarseness QCDE 0.0296 0.0285 coarseness
Complexity HDEZ 13.5 14.1 complexity
Contrast 65HE 0.584 0.601 contrast
Strength 1X9X 0.763 0.741 strength
"""

TABLES = (
    ("shape", SHAPE, ONCE),
    ("firstorder", FIRST_ORDER, ONCE),
    ("glcm", COOCCURRENCE, DIRECTIONS),
    ("glrlm", RUN_LENGTH, DIRECTIONS),
    ("glszm", SIZE_ZONE, VOLUMES),
    ("gldm", DEPENDENCE, VOLUMES),
    ("ngtdm", TONE_DIFFERENCE, VOLUMES),
)


def _read(kind: str, text: str, aggregations: tuple[str, ...]) -> list[Reference]:
    """Feature, code, a value for each aggregation, and the rest of the line is the name."""
    found = []
    for line in text.strip().splitlines():
        feature, code, *rest = line.split(maxsplit=2 + len(aggregations))
        values = dict(zip(aggregations, map(float, rest[:-1]), strict=True))
        found.append(Reference(kind, feature, code, rest[-1], values))
    return found


REFERENCE = tuple(row for table in TABLES for row in _read(*table))
