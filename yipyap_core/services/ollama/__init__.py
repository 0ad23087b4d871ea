"""The Ollama service: its status and models, pulls as jobs, updates."""
