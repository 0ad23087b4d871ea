"""The use cases: the only rooms that pages and routes may enter."""
