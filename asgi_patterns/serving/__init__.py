"""The parts of ``asgi-patterns serve``: one way to stop, on three servers.

``hosting``: what the command was told; ``listening``: the sockets; ``phases``: what a signal means, pure;
``commands``: how a process learns of it; ``stopping``: the order of a stop; ``hosted``: what an app has in hand;
``uvicorn``, ``hypercorn``, ``granian``: one server each; ``process``: one process that serves; ``workers``: several.
"""
