"""From features and clinical variables to predictions: selection, signatures, and the nomogram over them.

Everything here is fitted on training rows only, and remembers which patients it saw.
"""
