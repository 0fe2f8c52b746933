"""The ledger: the durable record of a migration, in a database."""
