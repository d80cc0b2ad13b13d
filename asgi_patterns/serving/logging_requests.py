"""Who logs requests: the pipeline, if it has an access log, and the server otherwise.

``takes_over``: decides that, and sees to it that the lines of the pipeline can be read somewhere.
"""

import logging
import sys
from typing import Final

from asgi_patterns.observability import AccessLog
from asgi_patterns.pipeline import Pipeline

PLAIN: Final = "%(message)s"


def takes_over(pipeline: Pipeline) -> bool:
    """Return whether the pipeline logs requests: one layer at least that is not for some paths only.

    Where the app has not set up logging for that, the lines go to the standard output, as a server's do.
    """
    found = [layer for layer in pipeline.layers if isinstance(layer, AccessLog) and layer.enabled]
    for layer in found:
        _make_visible(logging.getLogger(layer.logger))
    return any(not layer.include for layer in found)


def _make_visible(logger: logging.Logger) -> None:
    if logger.hasHandlers():
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(PLAIN))
    logger.addHandler(handler)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
