"""Max-margin classification by wide two-layer networks: the variation-norm (F1) margin, the kernel (F2) margin, and the linear one."""
