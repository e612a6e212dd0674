"""Optimizers whose input is perturbed by noise, and what they say of a private histogram.

`optimizer` answers for any input; `top_k` and `utilities` answer for the estimate of a collection, whose sampling noise is
such a perturbation.
"""
