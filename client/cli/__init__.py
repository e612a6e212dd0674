"""The command `fano`."""
