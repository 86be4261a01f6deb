"""Every number that OR-DBM MRMC 2.5 prints of the Van Dyke study, read from its output file."""

import re

import numpy as np
import pytest

from helpers.statistics import readers as r

OUTPUT = "readers/VanDyke-traparea-jackknife-obuch-anova_IowaORDBM2.5.txt"
NUMBER = re.compile(r"-?\d+\.?\d*")
# Half a unit of the last printed digit, and a little.
TWO, FOUR, FIVE, EIGHT = (0.51 * 10.0**-digits for digits in (2, 4, 5, 8))


@pytest.fixture(scope="module")
def lines(shared_data):
    if not (shared_data / OUTPUT).is_file():
        pytest.skip(f"the public output {OUTPUT} is not under {shared_data}")
    return (shared_data / OUTPUT).read_text(encoding="latin-1").splitlines()


@pytest.fixture(scope="module")
def contrasts(lines):
    """What follows "1 - 2": of the means, random readers, fixed readers, the five readers, and fixed cases."""
    found = [[float(n) for n in NUMBER.findall(line.split("1 - 2")[1])] for line in lines if "1 - 2  " in line]
    assert len(found) == 9
    return found


@pytest.fixture(scope="module")
def means(lines):
    """Rows of the single treatments with limits, two for each of the three analyses."""
    found = [[float(n) for n in NUMBER.findall(line)][1:] for line in lines if re.match(r" +[12]  0\.\d{8}.*\(", line)]
    assert len(found) == 6
    return found


@pytest.fixture(scope="module")
def found(van_dyke):
    return r.mrmc(*van_dyke, covariance="jackknife")


def first_number(lines, name):
    """The number that follows a name at the start of a line, where this first happens."""
    line = next(line for line in lines if re.match(rf" *{re.escape(name)} +\d", line))
    return [float(n) for n in NUMBER.findall(line.split(name, 1)[1])]


def test_reader_areas(lines, found):
    start = next(i for i, line in enumerate(lines) if "TREATMENT x READER AUC ESTIMATES" in line)
    rows = [NUMBER.findall(line) for line in lines[start : start + 12] if line.count("0.") == 2]
    areas = np.array([[float(n) for n in row[1:]] for row in rows]).T
    assert found.values == pytest.approx(areas, abs=EIGHT)


def test_mean_squares(lines, found):
    expected = [first_number(lines, source)[-1] for source in ("T", "R", "T*R")]
    assert [found.ms_modality, found.ms_reader, found.ms_interaction] == pytest.approx(expected, abs=EIGHT)


def test_covariances(lines, found):
    expected = [first_number(lines, name)[0] for name in ("COV1", "COV2", "COV3", "Var(Error)")]
    assert [found.cov1, found.cov2, found.cov3, found.var] == pytest.approx(expected, abs=EIGHT)


def test_dorfman_berbaum_metz_components(lines, found):
    names = ("Var(C)", "Var(T*C)", "Var(R*C)", "Var(T*R*C) + Var(Error)")
    expected = [first_number(lines, name)[0] for name in names]
    var, cov1, cov2, cov3 = found.var, found.cov1, found.cov2, found.cov3
    components = found.cases * np.array([cov3, cov2 - cov3, cov1 - cov3, var - cov1 - cov2 + cov3])
    assert components == pytest.approx(expected, abs=EIGHT)


def assert_contrast(test, row):
    """Difference, standard error, statistic, p and limits of a printed row, whose df may be absent."""
    assert (test.difference, test.standard_error) == pytest.approx(tuple(row[:2]), abs=FIVE)
    assert test.difference / test.standard_error == pytest.approx(row[-4], abs=TWO)
    assert test.p == pytest.approx(row[-3], abs=FOUR)
    assert (test.low, test.high) == pytest.approx(tuple(row[-2:]), abs=FIVE)


def test_random_readers_and_random_cases(lines, contrasts, found):
    test = found.random_readers
    assert_contrast(test, contrasts[1])
    assert test.df == pytest.approx(contrasts[1][2], abs=TWO)
    statistic, p = first_number(lines, "Treatment")[-2:]
    assert test.statistic == pytest.approx(statistic, abs=TWO)
    assert test.p == pytest.approx(p, abs=FOUR)


def test_fixed_readers_and_random_cases(lines, contrasts, found):
    assert_contrast(found.fixed_readers, contrasts[2])
    printed = next(line for line in lines if re.match(r" +\d\.\d{5} +1 +0\.\d{4}$", line.rstrip()))
    statistic, df, p = (float(n) for n in NUMBER.findall(printed))
    test = found.fixed_readers
    assert (test.statistic, test.df) == pytest.approx((statistic, df), abs=FIVE)
    assert test.p == pytest.approx(p, abs=FOUR)


def test_random_readers_and_fixed_cases(contrasts, found):
    assert_contrast(found.fixed_cases, contrasts[8])
    assert found.fixed_cases.df == contrasts[8][2]
    assert found.fixed_cases.statistic == pytest.approx(8.70, abs=TWO)


@pytest.mark.parametrize("reader", range(5))
def test_single_readers(contrasts, found, reader):
    test, row = found.per_reader[reader], contrasts[3 + reader]
    assert (test.estimate, test.low, test.high) == pytest.approx((row[0], row[-2], row[-1]), abs=FIVE)
    assert test.statistic == pytest.approx(row[2], abs=TWO)
    assert test.p == pytest.approx(row[3], abs=FOUR)


@pytest.mark.parametrize("treatment", [0, 1])
def test_single_treatments_of_random_readers(means, found, treatment):
    own, row = found.means_of_random_readers, means[treatment]
    numbers = [values[treatment] for values in (own.estimate, own.standard_error, own.low, own.high)]
    assert numbers == pytest.approx([*row[:2], *row[3:5]], abs=EIGHT)
    assert own.df[treatment] == pytest.approx(row[2], abs=TWO)


@pytest.mark.parametrize("treatment", [0, 1])
def test_single_treatments_of_fixed_readers(means, found, treatment):
    own, row = found.means_of_fixed_readers, means[2 + treatment]
    numbers = [values[treatment] for values in (own.estimate, own.standard_error, own.low, own.high)]
    assert numbers == pytest.approx(row[:4], abs=EIGHT)
