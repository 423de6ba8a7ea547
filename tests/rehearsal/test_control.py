"""The control API: what a demo, a campaign and a test set and read from outside the process."""

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from rehearsed import NAME, share, template

pytestmark = pytest.mark.anyio


@pytest.fixture
def control(laptop):
    """Return a function that calls the control API: its status and what it says."""

    async def call(method: str, path: str, /, **body):
        url = f"{laptop.rehearsal.control_url}{path}"
        async with laptop.browser.request(method, url, json=body or None) as answer:
            kind = answer.content_type
            return answer.status, await (answer.json() if kind == "application/json" else answer.text())

    return call


async def test_a_fault_of_the_api_is_armed_listed_and_disarmed(laptop, control):
    await laptop.create()
    status, armed = await control("POST", "/faults/api", method="UpdateService", code="ABORTED", times=2)
    assert status == 201
    with pytest.raises(exceptions.Aborted):
        await laptop.write("description", description="x")
    _, listed = await control("GET", "/faults")
    [fault] = listed["api"]
    assert (fault["number"], fault["hits"], fault["code"]) == (armed["number"], 1, "ABORTED")
    assert (await control("DELETE", f"/faults/api/{armed['number']}"))[0] == 204
    assert (await control("DELETE", f"/faults/api/{armed['number']}"))[0] == 404
    await laptop.write("description", description="x")


async def test_a_revision_misbehaves_for_users_and_not_at_its_tag_unless_asked(laptop, control):
    await laptop.create()
    service = await laptop.update("traffic", traffic=[share("shop-good", 100, "stable")])
    preview = service.traffic_statuses[0].uri
    assert (await control("PUT", "/faults/revisions/shop-good", error_share=1.0, status=503))[0] == 204
    assert (await laptop.read(service.uri), await laptop.read(preview)) == ("503", "shop-good")
    assert (await control("PUT", "/faults/revisions/shop-good", error_share=1.0, previews=True))[0] == 204
    assert (await laptop.read(service.uri), await laptop.read(preview)) == ("500", "500")
    assert (await control("DELETE", "/faults/revisions/shop-good"))[0] == 204
    assert (await laptop.read(service.uri), await laptop.read(preview)) == ("shop-good", "shop-good")


async def test_a_fault_set_before_a_tag_is_opened_holds_at_its_new_address_too(laptop, control):
    await laptop.create()
    await control("PUT", "/faults/revisions/shop-good", error_share=1.0, previews=True)
    service = await laptop.update("traffic", traffic=[share("shop-good", 100, "stable")])
    assert await laptop.read(service.traffic_statuses[0].uri) == "500"


async def test_a_crash_on_demand_kills_the_revision(laptop, control):
    service = await laptop.create()
    await control("PUT", "/faults/revisions/shop-good", crash=True, after_requests=1)
    assert [await laptop.read(service.uri) for _ in range(3)] == ["shop-good", "502", "502"]


async def test_all_faults_end_at_once(laptop, control):
    service = await laptop.create()
    await control("POST", "/faults/api", method="GetService", code="INTERNAL")
    await control("POST", "/faults/aws", method="UpdateService", code="ThrottlingException")
    await control("POST", "/faults/slack", status=500)
    await control("PUT", "/faults/revisions/shop-good", error_share=1.0)
    assert (await control("DELETE", "/faults"))[0] == 204
    assert (await control("GET", "/faults"))[1] == {"api": [], "aws": [], "slack": [], "revisions": []}
    await laptop.told()
    assert await laptop.read(service.uri) == "shop-good"


@pytest.mark.parametrize(
    ("call", "body", "refusal"),
    [
        ("POST /faults/api", {"colour": "red"}, (400, "'colour' is not known; known are method")),
        ("POST /faults/api", {"code": "NOPE"}, (400, "not a gRPC status")),
        ("POST /faults/slack", {"status": 200}, (400, "not an error")),
        ("PUT /faults/revisions/shop-gone", {"error_share": 0.1}, (404, "no revision named 'shop-gone'")),
        ("PUT /faults/revisions/shop-good", {"error_share": 5}, (400, "not between 0 and 1")),
        ("PATCH /pace", {"speed": 0}, (400, "positive")),
        ("GET /stats/cart", {}, (404, "nothing counted of 'cart'")),
        (f"GET /logs/{NAME}/revisions/shop-gone", {}, (404, "has run here")),
        (f"GET /logs/{NAME}/revisions/*", {}, (404, "has run here")),
        ("GET /logs/shop-good", {}, (400, "is not a revision")),
        ("GET /logs/projects/..%2f/locations/../services/x/revisions/shop", {}, (400, "is not a revision")),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(laptop, control, call, body, refusal):
    await laptop.create()
    status, said = await control(*call.split(), **body)
    assert (status, refusal[1] in said["error"]) == (refusal[0], True), said


async def test_statistics_count_users_apart_from_those_who_look_at_a_tag(laptop, control):
    await laptop.create()
    traffic = [share("shop-good", 100), share("shop-better", 0, "canary")]
    service = await laptop.update("template", "traffic", template=template("better", "shop-better"), traffic=traffic)
    for url in [service.uri] * 3 + [service.traffic_statuses[1].uri] * 2:
        await laptop.read(url)
    await control("PUT", "/faults/revisions/shop-good", error_share=1.0)
    await laptop.read(service.uri)
    _, stats = await control("GET", "/stats/shop")
    assert stats["users"] == {"requests": 4, "failures": 1}
    good, better = stats["revisions"]["shop-good"], stats["revisions"]["shop-better"]
    assert (good["public"]["requests"], good["public"]["2xx"], good["public"]["5xx"]) == (4, 3, 1)
    assert (better["canary"]["requests"], better["canary"]["failures"]) == (2, 0)
    assert (await control("GET", "/stats"))[1] == {"rehearsal/laptop/shop": stats}


async def test_metrics_are_there_for_prometheus(laptop, control):
    service = await laptop.create()
    await laptop.read(service.uri)
    _, text = await control("GET", "/metrics")
    labels = 'address="public",code="200",revision="shop-good",service="rehearsal/laptop/shop"'
    counted = [line for line in text.splitlines() if line.startswith("rehearsal_requests_total{")]
    assert [sorted(line.split("{")[1].split("}")[0].split(",")) for line in counted] == [labels.split(",")]
    assert counted[0].endswith(" 1.0")


async def test_the_journal_is_read_by_method_and_from_a_moment_on(laptop, control):
    await laptop.create()
    _, first = await control("GET", "/journal?method=CreateService")
    [call] = first["calls"]
    assert (call["resource"], call["code"]) == (NAME, "OK")
    await laptop.told()
    since = call["at"].replace("+", "%2B")
    _, later = await control("GET", f"/journal?since={since}")
    assert {one["method"] for one in later["calls"]} == {"GetService"}


async def test_the_pace_changes_while_it_runs(laptop, control):
    await laptop.create()
    status, pace = await control("PATCH", "/pace", traffic_lag_s=5.0)
    assert (status, pace["traffic_lag_s"], pace["speed"]) == (200, 5.0, 160)
    began = await laptop.write("traffic", traffic=[share("shop-good", 100)])
    assert not laptop.rehearsal.cloud.operations.get(began.operation.name).done
    assert (await control("GET", "/pace"))[1] == pace


async def test_images_services_and_logs_can_be_looked_at(laptop, control):
    service = await laptop.create()
    _, images = await control("GET", "/images")
    assert [image["tag"] for image in images["images"]] == ["good", "better", "crash", "hang"]
    _, services = await control("GET", "/services")
    [summary] = services["services"]
    assert (summary["address"], summary["traffic"], list(summary["revisions"])) == (
        service.uri,
        {"shop-good": 100},
        ["shop-good"],
    )
    assert await laptop.read(summary["revisions"]["shop-good"]) == ""


async def test_one_service_in_two_places_is_kept_apart(laptop, control):
    here = await laptop.create()
    elsewhere = "projects/rehearsal/locations/moon"
    began = await laptop.services.create_service(
        parent=elsewhere, service=run_v2.Service(template=template("good", "shop-good")), service_id="shop"
    )
    await laptop.done(began)
    there = await laptop.services.get_service(name=f"{elsewhere}/services/shop")
    status, said = await control("PUT", "/faults/revisions/shop-good", error_share=1.0)
    assert (status, "rehearsal/laptop/shop, rehearsal/moon/shop" in said["error"]) == (400, True)
    await control("PUT", "/faults/revisions/shop-good?service=rehearsal/moon/shop", error_share=1.0)
    assert (await laptop.read(here.uri), await laptop.read(there.uri)) == ("shop-good", "500")
    assert (await control("GET", "/stats/rehearsal/moon/shop"))[1]["users"] == {"requests": 1, "failures": 1}
    assert (await control("GET", "/stats/shop"))[0] == 400
