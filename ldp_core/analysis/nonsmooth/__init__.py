"""Derivatives of functions with kinks, as sets, and error bars that stay honest there."""
