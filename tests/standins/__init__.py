"""Servers that speak the real protocols over real sockets, for tests, demos and benchmarks.

`hub` is a Hugging Face hub, `ollama` an Ollama server; both listen on loopback only and on a
port the kernel chooses. Nothing here is imported by the product.
"""
