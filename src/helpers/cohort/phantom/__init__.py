"""A synthetic cohort made by a forward model: latents -> labels, and latents -> what is seen, with the truth kept."""

from helpers.cohort.phantom.features import feature_table
from helpers.cohort.phantom.images import render_case, write_images
from helpers.cohort.phantom.latents import Phantom, draw
from helpers.cohort.phantom.readers import read_cases

__all__ = ["Phantom", "draw", "feature_table", "read_cases", "render_case", "write_images"]
