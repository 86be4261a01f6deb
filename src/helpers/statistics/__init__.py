"""Statistics of the report: numpy arrays in, one frozen result out; nothing of ours is imported.

Each module names its sources, and every estimator meets a number published by others in `tests/statistics`.
"""
