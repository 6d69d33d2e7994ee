"""Alembic's environment: the connection comes from app/migrate.py, the metadata from the packages' tables."""

from alembic import context

from app.migrate import METADATA, includes

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    include_schemas=True,
    include_name=includes,
    version_table="migration",
    version_table_schema="app",
    compare_type=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
