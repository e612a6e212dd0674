"""Single-location regression: the outcome depends on one token of a sequence, and where that token stands is hidden."""
