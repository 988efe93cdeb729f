"""How Alembic reaches the database: through the connection that `katchi.store.migrate` hands it."""

from alembic import context

from katchi.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
