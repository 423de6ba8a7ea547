"""What the shop sells, and the cart."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

_LINES_MAX = 20
_QUANTITY_MAX = 99


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy; the price is in cents."""

    id: str
    name: str
    price_cents: int


PRODUCTS: Mapping[str, Product] = {
    product.id: product
    for product in (
        Product("boots", "Hill boots", 12900),
        Product("crampons", "Crampons, 12 points", 15900),
        Product("harness", "Climbing harness", 6900),
        Product("helmet", "Helmet", 5900),
        Product("poles", "Trekking poles, a pair", 7900),
        Product("rope", "Rope, 60 m", 17900),
        Product("sack", "Rucksack, 40 l", 13900),
        Product("stove", "Gas stove", 4900),
    )
}


class NoCart(ValueError):
    """A cart's id that no cart has."""


@dataclass(frozen=True, slots=True)
class Cart:
    """Quantities by product; its id holds all of it, so every instance can go on with it."""

    quantities: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, cart_id: str) -> "Cart":
        """Return the cart of an id; NoCart if there is none."""
        try:
            quantities = json.loads(base64.urlsafe_b64decode(cart_id.encode()))
        except (binascii.Error, ValueError) as problem:
            raise NoCart("there is no such cart") from problem
        if not isinstance(quantities, dict) or not all(
            product in PRODUCTS and type(quantity) is int and 0 < quantity <= _QUANTITY_MAX
            for product, quantity in quantities.items()
        ):
            raise NoCart("there is no such cart")
        return cls(quantities)

    @property
    def id(self) -> str:
        """Return the id, different after each change."""
        return base64.urlsafe_b64encode(json.dumps(dict(self.quantities), separators=(",", ":")).encode()).decode()

    @property
    def total_cents(self) -> int:
        """Return what it costs."""
        return sum(PRODUCTS[product].price_cents * quantity for product, quantity in self.quantities.items())

    def with_item(self, product: str, quantity: int) -> "Cart":
        """Return the cart with more of a product; ValueError when there is no such product or it is too much."""
        if product not in PRODUCTS:
            raise ValueError(f"there is no product {product!r}")
        wanted = self.quantities.get(product, 0) + quantity
        if quantity < 1 or wanted > _QUANTITY_MAX or len(self.quantities) >= _LINES_MAX:
            raise ValueError(f"a cart holds 1 to {_QUANTITY_MAX} of a product, not {wanted}")
        return Cart({**self.quantities, product: wanted})
