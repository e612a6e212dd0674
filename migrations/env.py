"""Runs the chain on the connection that `server.storage.schema` hands over."""

from alembic import context

from server.storage.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError(
        "migrations run through `fano db upgrade`, which opens the database that FANO_DATABASE_URL names"
    )
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
