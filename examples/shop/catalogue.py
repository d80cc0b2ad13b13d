"""What the shop sells."""

from dataclasses import asdict, dataclass
from typing import Any, final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One thing on the shelf. ``price`` is in cents."""

    id: int
    name: str
    price: int
    stock: int

    def as_dict(self) -> dict[str, Any]:
        """Return its JSON form."""
        return asdict(self)


_SHELF = (
    ("teapot", 2450, 12),
    ("cup", 650, 80),
    ("saucer", 420, 76),
    ("strainer", 890, 31),
    ("kettle", 5900, 5),
    ("tea, Assam, 100 g", 780, 44),
    ("tea, Darjeeling, 100 g", 1120, 27),
    ("tea, Sencha, 100 g", 990, 0),
)

PRODUCTS = {
    number: Product(id=number, name=name, price=price, stock=stock)
    for number, (name, price, stock) in enumerate(_SHELF, start=1)
}
