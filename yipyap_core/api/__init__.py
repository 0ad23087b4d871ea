"""The HTTP API: the only room with FastAPI. `app.build_api` puts it together."""
