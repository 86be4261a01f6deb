"""Scans and masks into features of one case: read, aligned, prepared, measured, and kept by content."""
