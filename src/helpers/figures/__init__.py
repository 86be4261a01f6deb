"""Figures of the report: tidy tables in, one matplotlib Figure out, drawn at print size and in one theme.

`theme` decides colors, lines and sizes; `names` decides words; `grid` places panels in mm; `texts` gives the
alternative text of each figure. Nothing here estimates: a figure draws numbers that the tables already hold.
"""
