"""Background work: queue, threads, stop signs, retries, restart; knows no models and no HTTP.

It must import neither stores, clients, transfer nor engines: services bring them together.
"""
