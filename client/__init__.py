"""The phone's side: an SDK for devices, simulated fleets of them, and the command line."""
