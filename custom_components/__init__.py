"""Makes the integration importable for tests, as Home Assistant does."""
