"""One small file for each engine; each exports `ENGINE` and is found by it."""
