"""Tables and the queries on them: the only place that knows SQL."""
