"""What every slice may import: HTTP and ASGI, and no pattern.

``link`` wraps ``send`` and ``body`` wraps ``receive``, each the only place that does; ``exchange`` holds the facts
of a request; ``layer`` is what a layer is made of. Import from the modules: there is nothing here to re-export.
"""
