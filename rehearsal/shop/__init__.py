"""A small shop: products, a cart, an order of three calls, a login page. `python -m rehearsal.shop` serves it on $PORT.

The cart travels with its customer (in its id and a cookie), so any instance of any version can go on with it.
$SHOP_VERSION names the version, $SHOP_FAULT makes it a bad one, $SHOP_WORK_MS is the median work of a request.
"""
