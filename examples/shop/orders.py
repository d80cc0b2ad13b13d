"""Who ordered what: checked, then kept in memory."""

from collections import deque
from dataclasses import asdict, dataclass
from itertools import count
from typing import Annotated, Any, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asgi_patterns import Problem
from examples.shop.catalogue import PRODUCTS

KEPT = 1000

SOLD_OUT = "https://shop.example/problems/sold-out"
MISTAKES = "https://shop.example/problems/mistakes-in-the-order"


class Wish(BaseModel):
    """What a client asks for: ``{"product": 1, "pieces": 2}``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    product: Annotated[int, Field(ge=1, le=len(PRODUCTS))]
    pieces: Annotated[int, Field(ge=1, le=20)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """So many pieces of one product. ``total`` is in cents."""

    id: int
    product: int
    pieces: int
    total: int

    def as_dict(self) -> dict[str, Any]:
        """Return its JSON form."""
        return asdict(self)


def read_wish(body: bytes) -> Wish:
    """Return what ``body`` asks for. Raises ``Problem`` 422 with every mistake in it."""
    try:
        return Wish.model_validate_json(body)
    except ValidationError as exc:
        mistakes = [
            {"field": ".".join(str(part) for part in each["loc"]), "message": each["msg"]}
            for each in exc.errors(include_url=False)
        ]
        raise Problem(422, "the order has mistakes", type=MISTAKES, errors=mistakes) from exc


@final
class Orders:
    """The stock, and the last ``KEPT`` orders, oldest first."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._orders: deque[Order] = deque(maxlen=KEPT)
        self._stock = {product.id: product.stock for product in PRODUCTS.values()}

    def all(self) -> list[Order]:
        """Return them."""
        return list(self._orders)

    def place(self, wish: Wish) -> Order:
        """Take the pieces from the shelf and keep the order. Raises ``Problem`` 409 where there are too few."""
        product, left = PRODUCTS[wish.product], self._stock[wish.product]
        if left < wish.pieces:
            raise Problem(409, f"of {product.name} there are {left} left", type=SOLD_OUT, left=left)
        self._stock[product.id] = left - wish.pieces
        order = Order(
            id=next(self._ids), product=product.id, pieces=wish.pieces, total=wish.pieces * product.price
        )
        self._orders.append(order)
        return order
