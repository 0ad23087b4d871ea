"""Tiny random checkpoints in the layout of the published ones: `files_of("jtp2")` and so on.

Names of files, tensors, columns and keys are the publishers'; sizes are cut down and weights are
random, so answers mean nothing but every step of loading and running is real. `put_into_cache`
lays them out as the hub's client would.
"""

from tests.standins.tiny_models.catalog import checkpoint_ids, files_of
from tests.standins.tiny_models.placing import put_into_cache, put_into_folder

__all__ = ["checkpoint_ids", "files_of", "put_into_cache", "put_into_folder"]
