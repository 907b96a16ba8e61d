"""A stand-in for a Qdrant server: its REST API over its own engine, for tests."""
