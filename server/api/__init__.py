"""HTTP: routes, schemas, problems."""
