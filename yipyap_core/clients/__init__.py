"""Things outside the process: the hub, the caches, Ollama, the host; no policy."""
