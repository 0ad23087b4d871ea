"""yipyap Model Management: the layers of the house, from the roof to the ground.

========== ==================================================================================
bootstrap  builds the services once per process; the only place that knows concrete classes
ui, api    Streamlit elements for the pages; FastAPI routes. They do not see each other
services   the use cases; the only rooms that pages and routes may enter
jobs       background work: queue, cancel token, restart reconciliation
transfer   bytes from the hub into the Hugging Face cache
engines    one model loaded in one worker process; the only room with torch and its kin
clients    things outside the process: hub, cache on disk, Ollama, the host
stores     SQLAlchemy tables and their migrations
families   one model family, one small file
domain     pure frozen values
errors     one tree; imports nothing
========== ==================================================================================

A room imports only rooms below it; ``settings`` and ``discovery`` stand beside the stairs, and
what several rooms read in the same way (``sizes``, ``buffers``, ``retry_after``, ``private_hosts``)
lies in the cellar.
"""

__version__ = "0.1.0"
