"""The commands of `fano` that run or keep the service."""
