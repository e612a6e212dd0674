"""Maximum likelihood histograms with certificates, and what a descent's own trace says about how fast it can be."""
