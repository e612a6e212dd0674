"""Fleets of simulated phones: what the shipped randomizer and decoder would tell, held against what is promised of them."""
