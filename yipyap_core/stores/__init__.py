"""What outlives the process: SQLAlchemy tables, SQLite by default and PostgreSQL by address."""
