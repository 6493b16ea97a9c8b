import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from structlog.testing import capture_logs

from app.kernel import clock, outbox
from app.kernel.auth import Permission
from tests.conftest import ClientWith, Live
from tests.kernel.conftest import sleeping

NANCY = {"name": "Nancy Davolio", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def measured(live: Live) -> Samples:
    response = await live.client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def sample(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0)


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """What is logged from INFO up; the tests' own level is higher."""
    level = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with capture_logs() as entries:
        yield entries
    structlog.configure(wrapper_class=level)


async def test_requests_are_counted_by_route_template(live: Live) -> None:
    url = (await live.client.post("/v1/staff", json=NANCY)).headers["location"]
    for _ in range(3):
        await live.client.get(url)
    await live.client.get("/v1/staff/0198c1de-0000-7000-8000-000000000000")
    await live.client.get("/nothing/here")
    await live.client.request("BREW", "/v1/staff")
    samples = await measured(live)
    one = "/v1/staff/{member_id}"
    assert sample(samples, "http_requests_total", method="GET", route=one, status="200") == 3
    assert sample(samples, "http_requests_total", method="GET", route=one, status="404") == 1
    assert sample(samples, "http_requests_total", method="POST", route="/v1/staff", status="201") == 1
    assert sample(samples, "http_requests_total", method="GET", route="unmatched", status="404") == 1
    assert sample(samples, "http_requests_total", method="other", route="/v1/staff", status="405") == 1
    assert sample(samples, "http_request_seconds_count", method="GET", route=one) == 4
    assert not any(url in str(labels) or "BREW" in str(labels) for _, labels in samples)


async def test_connections_in_use(probed: Live) -> None:
    assert sample(await measured(probed), "db_connections_in_use", engine="transaction") == 0
    slow = [asyncio.create_task(probed.client.post("/v1/probe/parts?name=a&seconds=1")) for _ in range(2)]
    await sleeping(probed.database, 2)
    assert sample(await measured(probed), "db_connections_in_use", engine="transaction") == 2
    await asyncio.gather(*slow)
    samples = await measured(probed)
    assert sample(samples, "db_connections_in_use", engine="transaction") == 0
    assert sample(samples, "db_connections_in_use", engine="reader") == 1  # the request for the metrics itself


async def test_the_lag_of_the_feed(live: Live) -> None:
    assert sample(await measured(live), "event_feed_lag_seconds") == 0
    with clock.at(clock.now() - timedelta(seconds=90)):
        await live.client.post("/v1/staff", json=NANCY)
    assert 90 <= sample(await measured(live), "event_feed_lag_seconds") < 120
    async with live.database.transaction() as session:
        await outbox.number(session)
    assert sample(await measured(live), "event_feed_lag_seconds") == 0


async def test_metrics_need_their_scope(client_with: ClientWith) -> None:
    client = await client_with(Permission.STAFF_READ)
    assert (await client.get("/metrics")).status_code == 403


async def test_the_access_log_says_who_asked_what(live: Live, logs: list[Any]) -> None:
    response = await live.client.post("/v1/staff", json=NANCY, headers={"X-Request-Id": "r-1", "traceparent": TRACE})
    (line,) = [entry for entry in logs if entry["event"] == "request"]
    assert response.headers["x-request-id"] == "r-1"
    assert line["ms"] > 0
    told = {name: line[name] for name in ("method", "path", "route", "status", "request_id", "traceparent", "key")}
    assert told == {
        "method": "POST", "path": "/v1/staff", "route": "/v1/staff", "status": 201,
        "request_id": "r-1", "traceparent": TRACE, "key": "everything",
    }  # fmt: skip
    assert "Nancy" not in str(logs)
    assert live.client.headers["authorization"] not in str(logs)


async def test_a_request_id_is_made_when_none_is_given_and_stands_in_log_and_answer(
    live: Live, logs: list[Any]
) -> None:
    responses = [await live.client.get("/v1/staff") for _ in range(2)]
    ids = [response.headers["x-request-id"] for response in responses]
    assert ids == [entry["request_id"] for entry in logs]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(("given", "kept"), [(TRACE, TRACE), ("00-xyz-1-01", None), (TRACE + "0", None), ("", None)])
async def test_the_trace_context_goes_into_the_event(live: Live, given: str, kept: str | None) -> None:
    await live.client.post("/v1/staff", json=NANCY, headers={"traceparent": given, "X-Request-Id": "r-1"})
    async with live.database.read() as connection:
        row = (await connection.execute(text("SELECT traceparent, request_id, actor FROM outbox"))).one()
    assert tuple(row) == (kept, "r-1", "everything")


async def test_a_fault_is_logged_with_its_request_id_and_told_to_nobody(probed: Live, logs: list[Any]) -> None:
    response = await probed.client.post("/v1/probe/fails?name=a", headers={"X-Request-Id": "r-1"})
    assert (response.status_code, response.json()["request_id"]) == (500, "r-1")
    fault = next(entry for entry in logs if entry["event"] == "fault")
    assert (fault["request_id"], str(fault["exc_info"]), fault["log_level"]) == ("r-1", "on purpose", "error")
    assert "on purpose" not in response.text
    assert (
        sample(await measured(probed), "http_requests_total", method="POST", route="/v1/probe/fails", status="500") == 1
    )


LOGGING = """
import logging, structlog
from app.kernel.logs import configure_logging
from app.kernel.settings import Settings
configure_logging(Settings(log_format="json", log_level="INFO"))
structlog.get_logger().info("ours", request_id="r-1")
structlog.get_logger().debug("too quiet")
try:
    1 / 0
except ZeroDivisionError as error:
    structlog.get_logger().error("fault", exc_info=error)
logging.getLogger("sqlalchemy").warning("a library's %s", "word")
logging.getLogger("uvicorn.access").info("twice")
"""


def test_every_line_of_the_log_is_one_json_object() -> None:
    run = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True)  # noqa: S603
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["ours", "fault", "a library's word"]
    assert lines[0]["request_id"] == "r-1"
    assert "ZeroDivisionError" in lines[1]["exception"]
    assert [line["level"] for line in lines] == ["info", "error", "warning"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
