"""What a load balancer's rules say of who gets how much, and of what leads to one target group alone."""

import pytest

from surefoot.errors import Refused
from surefoot.release import Address
from tasks.targets.ecs.rules import address, balance, balancer_of, base, listener_of, weights

ARN = "arn:aws:elasticloadbalancing:eu-west-1:000000000000"
MAIN, OTHER = f"{ARN}:listener/app/shop/1/main", f"{ARN}:listener/app/shop/1/other"
BLUE, GREEN = (f"{ARN}:targetgroup/{colour}/1" for colour in ("blue", "green"))
HTTPS = {"Protocol": "HTTPS", "Port": 443, "DNSName": "lb.example.com"}
TEST_PORT = {"Protocol": "HTTPS", "Port": 8443, "DNSName": "lb.example.com"}
URL = "https://lb.example.com"


def rule(name, *conditions, listener=MAIN, default=False, **shares):
    groups = [{"TargetGroupArn": {"blue": BLUE, "green": GREEN}[group], "Weight": shares[group]} for group in shares]
    return {
        "RuleArn": listener.replace(":listener/", ":listener-rule/") + f"/{name}",
        "Conditions": list(conditions),
        "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        "IsDefault": default,
    }


def to(group, weight):
    return {"TargetGroupArn": group, "Weight": weight}


def header(name, *values):
    return {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": list(values)}}


def host(*values):
    return {"Field": "host-header", "Values": list(values), "HostHeaderConfig": {"Values": list(values)}}


def path(*values):
    return {"Field": "path-pattern", "Values": list(values), "PathPatternConfig": {"Values": list(values)}}


def read(production, *others, test=None, url=""):
    rules = {one["RuleArn"]: one for one in (production, *others, *((test,) if test else ()))}
    told = (production["RuleArn"], test["RuleArn"] if test else "")
    return balance(rules, {MAIN: HTTPS, OTHER: TEST_PORT}, *told, url)


PRODUCTION = rule("production", path("/*"), blue=90, green=10)


def test_a_rules_name_says_which_listener_it_is_of():
    assert listener_of(PRODUCTION["RuleArn"]) == MAIN


def test_a_rules_name_says_what_the_metrics_call_its_load_balancer():
    assert balancer_of(PRODUCTION["RuleArn"]) == "app/shop/1"
    assert read(PRODUCTION).name == "app/shop/1"


@pytest.mark.parametrize(
    ("protocol", "port", "named", "at"),
    [
        ("HTTP", 80, "", "http://lb.example.com"),
        ("HTTPS", 443, "", "https://lb.example.com"),
        ("HTTPS", 8443, "", "https://lb.example.com:8443"),
        ("HTTP", 443, "", "http://lb.example.com:443"),
        ("HTTPS", 443, "shop.example.com", "https://shop.example.com"),
    ],
)
def test_a_listener_is_reached_at_its_port_unless_that_is_the_usual_one(protocol, port, named, at):
    assert base({"Protocol": protocol, "Port": port, "DNSName": "lb.example.com"}, named) == at


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"Type": "forward", "TargetGroupArn": BLUE}, {BLUE: 1}),
        ({"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": BLUE}]}}, {BLUE: 1}),
        ({"ForwardConfig": {"TargetGroups": [to(BLUE, 0), to(GREEN, 7)]}}, {BLUE: 0, GREEN: 7}),
        ({"Type": "redirect", "RedirectConfig": {}}, {}),
    ],
)
def test_weights_are_the_forward_actions_wherever_it_stands(action, said):
    assert weights({"Actions": [{"Type": "authenticate-oidc"}, action]}) == said
    assert weights({}) == {}


@pytest.mark.parametrize(
    ("conditions", "url", "at"),
    [
        ([], "", Address(URL)),
        ([path("/*")], "https://shop.example.com", Address("https://shop.example.com")),
        ([host("shop.example.com")], "", Address("https://shop.example.com")),
        ([host("*.example.com", "shop.example.com")], "", Address("https://shop.example.com")),
        ([host("*.example.com")], "https://shop.example.com", Address("https://shop.example.com")),
        ([host("SHOP.example.com")], "https://shop.example.com", Address("https://shop.example.com")),
        ([host("preview.example.com")], "https://shop.example.com", Address("https://preview.example.com")),
        ([header("x-preview", "canary")], "", Address(URL, (("x-preview", "canary"),))),
        ([header("x-preview", "can*", "plain")], "", Address(URL, (("x-preview", "plain"),))),
        ([header("x-preview", "can*r?")], "", Address(URL, (("x-preview", "canrx"),))),
        ([header("x-preview", "*")], "", Address(URL, (("x-preview", "surefoot"),))),
        ([header("a", "1"), header("b", "2")], "", Address(URL, (("a", "1"), ("b", "2")))),
    ],
)
def test_what_a_request_has_to_look_like_is_read_from_the_conditions(conditions, url, at):
    assert address({"Conditions": conditions}, HTTPS, url) == at


@pytest.mark.parametrize(
    "condition",
    [
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "preview", "Value": "1"}]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x", "RegexValues": ["^a$"]}},
        {"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^a$"]}},
        {"Field": "a-field-of-the-future", "FutureConfig": {}},
        host("*.example.com"),
    ],
)
def test_what_an_address_and_headers_cannot_say_is_not_guessed(condition):
    assert address({"Conditions": [condition]}, HTTPS) is None


def test_users_are_where_the_production_rule_sends_them():
    seen = read(PRODUCTION)

    assert (seen.url, seen.weights, seen.test, seen.pinned) == (URL, {BLUE: 90, GREEN: 10}, None, {})


def test_the_files_own_address_stands_over_what_the_listener_says():
    assert read(PRODUCTION, url="https://shop.example.com").url == "https://shop.example.com"
    assert read(rule("p", host("a.example.com"), blue=1), url="https://b.example.com").url == "https://b.example.com"


@pytest.mark.parametrize(
    ("test", "at"),
    [
        (rule("t", header("x-preview", "canary"), blue=0, green=100), Address(URL, (("x-preview", "canary"),))),
        (rule("t", host("preview.example.com"), blue=0, green=100), Address("https://preview.example.com")),
        (rule("t", path("/*"), listener=OTHER, blue=0, green=100), Address(f"{URL}:8443")),
        (rule("t", listener=OTHER, default=True, blue=0, green=100), Address(f"{URL}:8443")),
    ],
)
def test_the_test_rule_leads_to_the_group_it_sends_all_to(test, at):
    seen = read(PRODUCTION, test=test)

    assert (seen.test, seen.test_group) == (at, GREEN)


@pytest.mark.parametrize(
    "test",
    [
        rule("t", path("/*"), blue=0, green=100),
        rule("t", path("/preview/*"), header("x-preview", "canary"), blue=0, green=100),
        rule("t", host("lb.example.com"), blue=0, green=100),
    ],
)
def test_a_test_rule_that_a_users_request_meets_as_well_is_no_preview(test):
    assert read(PRODUCTION, test=test).test is None


def test_a_test_rule_on_the_paths_of_the_production_rule_is_a_preview():
    production = rule("production", path("/api/*"), blue=100, green=0)
    test = rule("t", path("/api/*"), header("x-preview", "canary"), blue=0, green=100)

    assert read(production, test=test).test == Address(URL, (("x-preview", "canary"),))


def test_a_test_rule_that_splits_leads_to_nobody_alone():
    assert read(PRODUCTION, test=rule("t", header("x", "1"), blue=50, green=50)).test_group == ""


def test_a_group_is_pinned_by_a_rule_that_leads_to_it_alone():
    blue, green = rule("b", header("x-group", "blue"), blue=1), rule("g", header("x-group", "green"), green=1, blue=0)
    both, default = rule("m", header("x-group", "both"), blue=1, green=1), rule("d", default=True, green=1)

    assert read(PRODUCTION, blue, green, both, default).pinned == {
        BLUE: Address(URL, (("x-group", "blue"),)),
        GREEN: Address(URL, (("x-group", "green"),)),
    }


def test_a_rule_that_nobody_can_read_belongs_to_others_and_is_passed_over():
    odd = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x", "RegexValues": ["^a$"]}}

    assert read(PRODUCTION, rule("odd", odd, green=1)).pinned == {}


def test_a_production_rule_that_is_gone_is_refused_with_where_to_look():
    with pytest.raises(Refused, match=r"listener-rule/app/shop/1/main/gone is not there; look: aws elbv2"):
        balance({}, {MAIN: HTTPS}, MAIN.replace(":listener/", ":listener-rule/") + "/gone", "", "")
