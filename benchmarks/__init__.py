"""One script for each claim about speed or error. Each prints the machine it ran on and ratios measured in one run."""
