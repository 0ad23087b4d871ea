"""The real Ollama program for tests, where one is on the PATH, with a registry on loopback.

    path = program()
    with RealOllama(path, tmp_path) as ollama:
        ollama.publish(OllamaModel("llama2:7b", size_bytes=3_000_000))

It has the methods of `tests.standins.ollama.contract`. Its only way out is a proxy of ours, which
leads the registry's name to a registry of ours and refuses all else.
"""

from tests.standins.real_ollama.program import program
from tests.standins.real_ollama.server import RealOllama

__all__ = ["RealOllama", "program"]
