"""What else than its answer may come from where an Ollama service is thought to be."""

from __future__ import annotations

from typing import Final

from tests.standins.ollama import HTML, Answer, OllamaFault, ResetLine

PATHS: Final = ("/api/version", "/api/tags", "/api/ps")
ODD_ANSWERS: Final[dict[str, OllamaFault]] = {
    "500": Answer(500),
    "500 without words": Answer(500, ""),
    "500 in depth": Answer(500, "[" * 100_000),
    "429": Answer(429, '{"error":"busy"}'),
    "401": Answer(401, "Unauthorized", "text/plain"),
    "403": Answer(403, "forbidden", "text/plain"),
    "403 in JSON": Answer(403, '{"error":"access denied"}'),
    "403 without words": Answer(403, "", "text/plain"),
    "404": Answer(404, "404 page not found", "text/plain"),
    "502": Answer(502, "Bad Gateway", "text/plain"),
    "503 of a proxy": Answer(503, "<html>Unavailable</html>", "text/html"),
    "redirect": Answer(302, "", "text/plain"),
    "page": HTML,
    "page called JSON": Answer(200, "<html></html>"),
    "nothing": Answer(200, ""),
    "half": Answer(200, '{"models":['),
    "list": Answer(200, "[]"),
    "null": Answer(200, "null"),
    "other object": Answer(200, "{}"),
    "depth": Answer(200, "[" * 100_000),
    "other types": Answer(200, '{"models":"x","version":null}'),
    "half a character": Answer(
        200, '{"models":[{"model":"\\ud800","name":"\\ud800"}],"version":"\\ud800"}'
    ),
    "no name": Answer(200, '{"models":[{"model":null},{"model":null}],"version":""}'),
    "endless size": Answer(
        200, f'{{"models":[{{"model":"a","name":"a","size":1{"0" * 400}}}],"version":1}}'
    ),
    "words of halves": Answer(500, '{"error":"\\ud800"}'),
    "reset": ResetLine(),
}
