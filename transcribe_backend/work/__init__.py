"""The engine: owed work that survives any process, in one table; quotas shared by all processes; small records."""
