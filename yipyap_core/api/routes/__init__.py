"""One file, one topic: each exports `router`; a new file is found by itself.

Endpoints are plain functions (they run in threads), take `Caller` and `Current`, call one service
method and give back what `api.views` makes of it. Who may call is not decided here: every endpoint
needs an administrator unless `api.access` lists it.
"""
