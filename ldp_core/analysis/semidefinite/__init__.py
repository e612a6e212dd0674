"""Semidefinite programs with a unit diagonal, solved by a thin factor and proved by a dual certificate.

X positive semidefinite with X_ii = 1 is written X = UU', U of n unit rows in p dimensions (Burer and Monteiro 2003). The largest cut
of a graph, the polarity of binary attributes and the repair of a noisy correlation matrix are such programs.
"""
