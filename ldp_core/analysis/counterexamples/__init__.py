"""Smooth convex functions on which good solvers do not converge, with proofs that can be checked, for testing solvers."""
