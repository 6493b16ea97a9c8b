"""Bad input, byte for byte: every answer is a problem that names the place and the request."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import ValidationError

from app.kernel.auth import Permission
from app.kernel.problems import Problem
from app.kernel.settings import Settings
from app.main import create_app
from tests.conftest import ClientWith
from tests.kernel.conftest import Raw, raw

NANCY = {"name": "Nancy Davolio", "email": "nancy@example.com", "role": "representative", "active_from": "2020-01-01"}
NOBODY = "0198c1de-0000-7000-8000-000000000000"


def problem_in(answer: Raw, status: int) -> dict[str, Any]:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(answer.body)
    assert body["status"] == status
    assert body["type"].startswith("urn:bellwether:problem:")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


class Sender:
    def __init__(self, app: FastAPI, client: AsyncClient) -> None:
        self.app = app
        self.token = client.headers["authorization"].encode()

    async def post(self, body: bytes, kind: bytes | None = b"application/json", **headers: bytes) -> Raw:
        given = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        if kind is not None:
            given[b"content-type"] = kind
        return await raw(self.app, "POST", b"/v1/staff", headers={b"authorization": self.token, **given}, body=body)

    async def ask(self, target: bytes, method: str = "GET", **headers: bytes) -> Raw:
        given = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        return await raw(self.app, method, target, headers={b"authorization": self.token, **given})


@pytest.fixture
def sender(shared_app: FastAPI, client: AsyncClient) -> Sender:
    return Sender(shared_app, client)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"name": "a",}', "line 1 column 14 (character 13)"),
        (b'{\n  "name": tru\n}', "line 2 column 11"),
        (b"{", "character 1"),
        (b"nonsense", "character 0"),
        (b'{"name": "a"} x', "character 14"),
        (b'{"name": "raw \x00 control"}', "character"),
        (b'{"name": "raw \x1f control"}', "character"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"name": "\xff"}', "byte 10"),
        (b'{"name": "\xed\xa0\x80"}', "UTF-8"),  # half a surrogate pair as CESU-8 writes it
        (json.dumps(NANCY).encode("utf-16"), "UTF-8"),
        (b"\xef\xbb\xbf{}", "JSON"),
        (b'{"name": ' + b"9" * 5000 + b"}", "absurd length"),
        (b"[" * 100_000 + b"]" * 100_000, "deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeply"),
    ],
    ids=range(16),
)
async def test_bodies_that_cannot_be_read(sender: Sender, body: bytes, said: str) -> None:
    answer = problem_in(await sender.post(body), 400)
    assert answer["type"] == "urn:bellwether:problem:malformed"
    assert said in answer["detail"]


@pytest.mark.parametrize("depth", [50, 500, 900, 950, 980, 990, 1000])
async def test_deep_nesting_is_never_a_fault(sender: Sender, depth: int) -> None:
    body = b'{"name": ' + b"[" * depth + b'"\\u0001"' + b"]" * depth + b"}"
    assert (await sender.post(body)).status in (400, 422)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        (rb'"name": "a\u0000b"', "/name"),
        (rb'"name": "\ud800"', "/name"),
        (rb'"name": "\uDFFF\uD800"', "/name"),
        (rb'"name": "\u001b[31m"', "/name"),
        (rb'"name": "\u007f"', "/name"),
        (b'"name": "\x7f"', "/name"),
        (rb'"tags": {"a/b": ["x", {"c~d": "\u0007"}]}', "/tags"),
        (rb'"na\u0000me": 1', r"/na\x00me"),
        (b'"name": 1e400', "/name"),
        (b'"name": -1E+999', "/name"),
        (b'"name":' + b"9" * 400 + b".5", "/name"),
        (b'"list": [1, 1e400]', "/list"),
    ],
)
async def test_characters_and_numbers_that_no_field_takes(sender: Sender, fields: bytes, pointer: str) -> None:
    rest = b'"email": "a@example.com", "role": "representative", "active_from": "2020-01-01"'
    sent = fields if b'"name"' in fields else b'"name": "N", ' + fields
    answer = problem_in(await sender.post(b"{" + sent + b", " + rest + b"}"), 422)
    assert [error["pointer"] for error in answer["errors"]] == [pointer]


async def test_a_body_that_no_schema_takes_is_no_empty_one(client: AsyncClient) -> None:
    url = f"/v1/orders/{NOBODY}/shipments"
    response = await client.post(url, content=rb'"\u0000"', headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "control_character")


async def test_line_breaks_and_pairs_of_surrogates_are_text(client: AsyncClient) -> None:
    body = json.dumps({**NANCY, "name": "Nan\tcy\nDavolio 🎉"}).encode()
    assert rb"\ud83c" in body
    response = await client.post("/v1/staff", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["name"]) == (201, "Nan\tcy\nDavolio 🎉")


@pytest.mark.parametrize(
    ("changed", "pointer", "code"),
    [
        ({"name": 1}, "/name", "string_type"),
        ({"name": None}, "/name", "string_type"),
        ({"name": ["a"]}, "/name", "string_type"),
        ({"name": ""}, "/name", "string_too_short"),
        ({"name": "  "}, "/name", "string_too_short"),
        ({"name": "a" * 201}, "/name", "string_too_long"),
        ({"role": "boss"}, "/role", "enum"),
        ({"role": 1e300}, "/role", "enum"),
        ({"active_from": "2026-02-30"}, "/active_from", None),
        ({"active_from": 10**18}, "/active_from", None),
        ({"active_from": 1.5}, "/active_from", None),
        ({"active_from": 10**400}, "/active_from", None),
        ({"reports_to_id": "1"}, "/reports_to_id", "uuid_parsing"),
        ({"reports_to_id": NOBODY}, "/reports_to_id", "unknown"),
        ({"email": "nobody"}, "/email", "value_error"),
        ({"email": "a" * 400 + "@example.com"}, "/email", "string_too_long"),
        ({"nick": {"deep": [1]}}, "/nick", "extra_forbidden"),
        ({"a/b~c": 1}, "/a~1b~0c", "extra_forbidden"),
    ],
    ids=str,
)
async def test_wrong_fields_are_named(sender: Sender, changed: dict[str, Any], pointer: str, code: str | None) -> None:
    answer = problem_in(await sender.post(json.dumps({**NANCY, **changed}).encode()), 422)
    assert [error["pointer"] for error in answer["errors"]] == [pointer]
    assert answer["errors"][0]["detail"]
    assert code is None or answer["errors"][0]["code"] == code


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "3000-01-01", "9999-12-31"])
async def test_the_ends_of_the_calendar_are_no_business_dates(sender: Sender, day: str) -> None:
    """The driver would store the first and the last one as infinity, which the JSON could not show."""
    answer = problem_in(await sender.post(json.dumps({**NANCY, "active_from": day}).encode()), 422)
    assert answer["errors"][0]["pointer"] == "/active_from"
    assert (
        problem_in(await sender.ask(b"/v1/staff?active_on=" + day.encode()), 422)["errors"][0]["pointer"] == "active_on"
    )


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null", b"true", b""])
async def test_a_body_that_is_no_object(sender: Sender, body: bytes) -> None:
    problem_in(await sender.post(body), 422)


@pytest.mark.parametrize(
    "kind", [None, b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonx", b"x"]
)
async def test_a_body_that_is_not_sent_as_json(sender: Sender, kind: bytes | None) -> None:
    answer = problem_in(await sender.post(json.dumps(NANCY).encode(), kind), 415)
    assert "application/json" in answer["detail"]


@pytest.mark.parametrize("kind", [b"application/json; charset=utf-8", b"Application/JSON", b"application/ld+json"])
async def test_ways_to_say_json(sender: Sender, kind: bytes) -> None:
    assert (await sender.post(json.dumps(NANCY).encode(), kind)).status == 201


@pytest.mark.parametrize("announced", [True, False])
async def test_ten_megabytes(sender: Sender, announced: bool) -> None:
    body = json.dumps({**NANCY, "name": "a" * 10_000_000}).encode()
    headers = {"content_length": str(len(body)).encode()} if announced else {}
    answer = problem_in(await sender.post(body, **headers), 413)
    assert "5242880 bytes" in answer["detail"]


async def test_just_small_enough(sender: Sender) -> None:
    body = json.dumps(NANCY).encode().ljust(5 * 1024 * 1024)
    assert (await sender.post(body, content_length=str(len(body)).encode())).status == 201
    problem_in(await sender.post(body + b" "), 413)


async def test_a_body_that_is_cut_off_is_not_our_fault(shared_app: FastAPI, client: AsyncClient) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", client.headers["authorization"].encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/staff", "raw_path": b"/v1/staff", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("test", 80),
    }  # fmt: skip
    await shared_app(scope, receive, send)
    assert sent[0]["status"] == 400


@pytest.mark.parametrize(
    ("target", "pointer"),
    [
        (b"/v1/staff?cursor=%00", "query"),
        (b"/v1/staff?cursor=%1F", "query"),
        (b"/v1/staff?cursor=%7f", "query"),
        (b"/v1/staff?cursor=%ff", "query"),
        (b"/v1/staff?cursor=%ed%a0%80", "query"),
        (b"/v1/staff?cursor=\xc3\xa9", "query"),
        (b"/v1/staff/%00", "path"),
        (b"/v1/staff/a%0ab", "path"),
        (b"/v1/staff/%ff", "path"),
        (b"/v1/staff/1", "member_id"),
        (b"/v1/staff/%F0%9F%8E%89", "member_id"),
        (b"/v1/staff?role=boss", "role"),
        (b"/v1/staff?active_on=yesterday", "active_on"),
        (b"/v1/staff?colour=red", "colour"),
        (b"/v1/staff?role=administrator&role=channel_manager", "role"),
        (b"/v1/staff?caf%C3%A9=1", "café"),
        (b"/v1/staff?=1", ""),
        (b"/v1/staff?limit=1&limit=x", "limit"),
    ],
)
async def test_wrong_places_of_the_address_are_named(sender: Sender, target: bytes, pointer: str) -> None:
    assert problem_in(await sender.ask(target), 422)["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "target", [b"/", b"/v1", b"/v1/", b"/v1/nothing", b"/v1/staff/", b"//", b"/v1/staff%2f", b"/%00"]
)
async def test_unknown_paths(sender: Sender, target: bytes) -> None:
    assert (await sender.ask(target)).status in (404, 422)
    if b"%" not in target:
        problem_in(await sender.ask(target), 404)


async def test_unknown_ids(sender: Sender) -> None:
    assert NOBODY in problem_in(await sender.ask(f"/v1/staff/{NOBODY}".encode()), 404)["detail"]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE", "BREW"])
async def test_wrong_methods(sender: Sender, method: str) -> None:
    answer = await sender.ask(b"/v1/staff", method)
    problem_in(answer, 405)
    assert answer.headers["allow"] == "GET, POST"
    one = await sender.ask(f"/v1/staff/{NOBODY}".encode(), "PUT")
    assert one.headers["allow"] == "GET, PATCH"


@pytest.mark.parametrize("header", [b"\x00", b"a\x00", b"\x01", b"\xff", b"a\x7f"])
async def test_headers_with_control_characters(sender: Sender, header: bytes) -> None:
    answer = await sender.post(json.dumps(NANCY).encode(), idempotency_key=header)
    if answer.status != 201:
        assert problem_in(answer, 422)["errors"][0]["pointer"].lower() == "idempotency-key"
    else:
        assert header == b"\xff"  # ÿ is a printable character
    for name in ("authorization", "x_request_id", "traceparent", "content_length"):
        assert (await sender.ask(b"/v1/staff", "GET", **{name: header})).status in (200, 401)
    assert (await sender.ask(f"/v1/staff/{NOBODY}".encode(), "PATCH", if_match=header)).status == 422


@pytest.mark.parametrize("host", [b"[", b"a b", b"", b"[::1", b"example.com:99999", b"\xff"])
async def test_odd_hosts(sender: Sender, host: bytes) -> None:
    for n in range(2):
        await sender.post(json.dumps({**NANCY, "email": f"{n}@example.com"}).encode())
    assert (await sender.ask(b"/v1/staff?limit=1", host=host)).status in (200, 400)


async def test_who_may_not(client_with: ClientWith, shared_app: FastAPI) -> None:
    reader = Sender(shared_app, await client_with(Permission.STAFF_READ))
    refused = problem_in(await reader.post(json.dumps(NANCY).encode()), 403)
    assert "staff:write" in refused["detail"]
    reader.token = b"Bearer bw_unknown"
    answer = await reader.ask(b"/v1/staff")
    problem_in(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("given", [b"abc-123", b"a" * 100, b"A.b:c_d-e"])
async def test_a_request_id_is_echoed_and_kept(sender: Sender, given: bytes) -> None:
    answer = await sender.post(b"{", x_request_id=given)
    assert problem_in(answer, 400)["request_id"] == given.decode()


@pytest.mark.parametrize("given", [b"", b"a" * 101, b"a b", b"<script>", b"a\n", b"\xff"])
async def test_an_odd_request_id_is_replaced(sender: Sender, given: bytes) -> None:
    assert problem_in(await sender.post(b"{", x_request_id=given), 400)["request_id"] != given.decode("latin-1")


async def test_the_documented_schema_of_problems_holds(sender: Sender, shared_app: FastAPI) -> None:
    body = problem_in(await sender.post(json.dumps({**NANCY, "role": 1}).encode()), 422)
    assert Problem.model_validate(body).model_dump() == body


async def test_browsers_of_named_origins_may_call(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": ["https://crm.example"]}))
    asked = {"Origin": "https://crm.example", "Access-Control-Request-Method": "PATCH"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        allowed = await client.options("/v1/orders", headers=asked)
        other = await client.options("/v1/orders", headers={**asked, "Origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://crm.example"
    assert "access-control-allow-origin" not in other.headers


def test_a_time_zone_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="company_timezone"):
        Settings(company_timezone="Europe/Atlantis")
