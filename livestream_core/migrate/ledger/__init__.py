"""The ledger: what a migration intends and what came of it, in a database."""
