"""From executed notebooks and tables to one inspected HTML page."""
