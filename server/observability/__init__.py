"""What an operator can see of the running service: metrics, logs, intake counts. None of it tells who sent what."""
