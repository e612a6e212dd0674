"""The dashboard: pages that a person understands in a minute, over the same services as the API."""
