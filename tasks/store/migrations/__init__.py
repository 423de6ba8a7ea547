"""The way from an older database to `schema.py`."""
