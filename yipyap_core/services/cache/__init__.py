"""The hub's cache: what it holds, deletion by plan, checks and repairs, upkeep."""
