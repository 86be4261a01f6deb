"""The emulator draws what R draws."""

import pytest


def test_uniforms_are_those_of_r(r_random):
    assert r_random(1).runif(3) == pytest.approx([0.26550866, 0.3721239, 0.57285336], abs=5e-9)


def test_normals_are_those_of_r(r_random):
    assert r_random(42).rnorm(3) == pytest.approx([1.37095845, -0.56469817, 0.36312841], abs=5e-9)


def test_permutation_is_that_of_r(r_random):
    assert r_random(123).sample(10) == [3, 10, 2, 8, 6, 9, 1, 7, 5, 4]
