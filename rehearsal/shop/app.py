"""The shop's addresses and what they answer."""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from aiohttp import web

from rehearsal.shop import pages
from rehearsal.shop.goods import PRODUCTS, Cart, NoCart
from rehearsal.shop.headers import security_headers
from rehearsal.shop.settings import Fault, Settings
from rehearsal.shop.work import Work

log = logging.getLogger("shop")

_SESSION = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SESSION_COOKIE, _CART_COOKIE = "shop_session", "shop_cart"
_NO_WORK = frozenset(("/healthz", "/readyz", "/version"))
_SETTINGS = web.AppKey("settings", Settings)
_WORK = web.AppKey("work", Work)
_NONCE = web.RequestKey("nonce", str)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def shop(settings: Settings) -> web.Application:
    """Return the shop."""
    app = web.Application(middlewares=[_answers_well, _works])
    app[_SETTINGS], app[_WORK] = settings, Work(settings)
    app.add_routes(
        [
            web.get("/", _front),
            web.get("/healthz", _health),
            web.get("/readyz", _health),
            web.get("/version", _version),
            web.get("/products", _products),
            web.get("/products/{id}", _product),
            web.post("/cart", _new_cart),
            web.get("/cart", _cart),
            web.post("/cart/items", _add_item),
            web.post("/orders", _order),
            web.get("/login", _login),
            web.post("/login", _log_in),
        ]
    )
    app.on_response_prepare.append(_head)
    return app


async def _head(request: web.Request, response: web.StreamResponse) -> None:
    settings = request.app[_SETTINGS]
    response.headers["Server"] = "shop"
    response.headers["X-Revision"] = settings.revision
    if settings.fault is not Fault.HEADERLESS:
        response.headers.update(security_headers(_nonce(request)))


@web.middleware
async def _answers_well(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer mistakes in JSON, and its own as 500 with the reason in the log only."""
    try:
        return await handler(request)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        return _problem(answer.status, answer.reason)
    except NoCart as problem:
        return _problem(404, str(problem))
    except ValueError as problem:
        return _problem(400, str(problem))
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return _problem(500, "something is broken here")


@web.middleware
async def _works(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Do the work of a request, and give a new customer a session."""
    if request.path in _NO_WORK:
        return await handler(request)
    brought = request.cookies.get(_SESSION_COOKIE, "")
    returning = brought if _SESSION.fullmatch(brought) else None
    await request.app[_WORK].do(returning)
    response = await handler(request)
    if returning is None and _SESSION_COOKIE not in response.cookies:
        session = secrets.token_urlsafe(12)
        request.app[_WORK].welcome(session)
        _set_cookie(request, response, _SESSION_COOKIE, session)
    return response


async def _front(request: web.Request) -> web.Response:
    return _html(pages.front(_nonce(request), request.app[_SETTINGS].version))


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _version(request: web.Request) -> web.Response:
    settings = request.app[_SETTINGS]
    return web.json_response({"service": settings.service, "version": settings.version, "revision": settings.revision})


async def _products(_: web.Request) -> web.Response:
    return web.json_response({"products": [asdict(product) for product in PRODUCTS.values()]})


async def _product(request: web.Request) -> web.Response:
    product = PRODUCTS.get(request.match_info["id"])
    return web.json_response(asdict(product)) if product else _problem(404, "there is no such product")


async def _new_cart(request: web.Request) -> web.Response:
    return _cart_response(request, Cart(), status=201)


async def _cart(request: web.Request) -> web.Response:
    return _cart_response(request, Cart.of(request.query.get("cart") or request.cookies.get(_CART_COOKIE, "")))


async def _add_item(request: web.Request) -> web.Response:
    asked = await _json(request)
    product, quantity = asked.get("product"), asked.get("quantity", 1)
    if not isinstance(product, str) or type(quantity) is not int:
        return _problem(400, 'write {"cart": "…", "product": "boots", "quantity": 1}')
    cart_id = _cart_id(request, asked)
    cart = Cart() if cart_id is None else Cart.of(cart_id)
    return _cart_response(request, cart.with_item(product, quantity))


async def _order(request: web.Request) -> web.Response:
    cart_id = _cart_id(request, await _json(request))
    if cart_id is None:
        raise NoCart("there is no cart yet; POST /cart makes one")
    cart = Cart.of(cart_id)
    if not cart.quantities:
        return _problem(409, "the cart is empty")
    if request.app[_SETTINGS].fault is Fault.SMOKE:
        raise ConnectionError("payments: no route to the provider")
    order = {"order": secrets.token_hex(6), "total_cents": cart.total_cents, "status": "placed"}
    response = web.json_response(order, status=201)
    response.del_cookie(_CART_COOKIE)
    return response


async def _login(request: web.Request) -> web.Response:
    return _html(pages.login(_nonce(request)))


async def _log_in(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    if not form.get("name") or not form.get("password"):
        return _html(pages.login(_nonce(request), "Name and password, please."), status=401)
    response = web.Response(status=303, headers={"Location": "/"})
    _set_cookie(request, response, _SESSION_COOKIE, secrets.token_urlsafe(12))
    return response


async def _json(request: web.Request) -> dict[str, object]:
    asked = await request.json() if request.can_read_body else {}
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(reason="write a JSON object")
    return asked


def _cart_id(request: web.Request, asked: dict[str, object]) -> str | None:
    named = asked.get("cart") or request.cookies.get(_CART_COOKIE)
    return str(named) if named else None


def _cart_response(request: web.Request, cart: Cart, status: int = 200) -> web.Response:
    items = [{"product": product, "quantity": quantity} for product, quantity in cart.quantities.items()]
    told = {"cart": cart.id, "items": items, "total_cents": cart.total_cents}
    response = web.json_response(told, status=status)
    _set_cookie(request, response, _CART_COOKIE, cart.id)
    return response


def _set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    secure = request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(name, value, httponly=True, samesite="Lax", secure=secure)


def _nonce(request: web.Request) -> str:
    nonce = request.get(_NONCE)
    if nonce is None:
        nonce = request[_NONCE] = secrets.token_urlsafe(16)
    return nonce


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


def _problem(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)
