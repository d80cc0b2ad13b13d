"""The demo: a small shop API behind the default pipeline, in memory, with nothing else to install or start.

    python -m examples.shop [--host HOST] [--port PORT]

``app`` wires it together, ``catalogue`` and ``orders`` are the shop, ``request`` is a client for who has no
``curl``. Nothing is imported here: the client needs the standard library only.
"""
