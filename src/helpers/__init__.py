"""Radiogram's library: notebooks call and show, helpers compute.

Rooms, in the order of imports (a room imports only from rooms above it): errors, tables, parameters, study, prose;
isolated, isolation, handing, progress, cluster (how cases run); statistics; cohort; imaging; learning; evaluation;
figures; reporting; run, cli.
"""
