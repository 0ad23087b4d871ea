"""The ASGI entry: the dashboard at /, the API under /api, one process and one port."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount

from yipyap_core.api.app import build_api
from yipyap_core.asgi import SecurityHeaders
from yipyap_core.server import lifespan

app = st.App(
    Path(__file__).resolve().parent / "yipyap_core" / "ui" / "main.py",
    routes=[Mount("/api", app=build_api())],
    middleware=[Middleware(SecurityHeaders)],
    lifespan=lifespan,
)
