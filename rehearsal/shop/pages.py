"""The shop's pages for people."""

from html import escape

from rehearsal.shop.goods import PRODUCTS

_STYLE = "body{font:16px/1.5 system-ui;max-width:36rem;margin:3rem auto;padding:0 1rem}label{display:block}"


def front(nonce: str, version: str) -> str:
    """Return the front page: what there is to buy."""
    rows = "".join(
        f'<li><a href="/products/{product.id}">{escape(product.name)}</a> {product.price_cents / 100:.2f} €</li>'
        for product in PRODUCTS.values()
    )
    return _page(nonce, "The shop", f"<ul>{rows}</ul><p>Version {escape(version)}. <a href='/login'>Log in</a></p>")


def login(nonce: str, problem: str = "") -> str:
    """Return the login form, with what was wrong last time."""
    return _page(
        nonce,
        "Log in",
        f"<p role='alert'>{escape(problem)}</p>"
        "<form method='post' action='/login'>"
        "<label>Name <input name='name' autocomplete='username' required></label>"
        "<label>Password <input name='password' type='password' autocomplete='current-password' required></label>"
        "<button>Log in</button></form>",
    )


def _page(nonce: str, title: str, body: str) -> str:
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<style nonce='{nonce}'>{_STYLE}</style><h1>{title}</h1>{body}</html>"
    )
