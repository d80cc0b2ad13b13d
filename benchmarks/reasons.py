"""Why a budget cannot be reached, where several rows have the same reason."""

from typing import Final

FIRST: Final = (
    "the first layer of ours makes what all of them share, the exchange and the link around send, for about 0.6 us; "
    "six layers cost what six functions do"
)
