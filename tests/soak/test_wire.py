"""What arrives on a connection, byte by byte: whatever it is, it is answered as a request or refused as none."""

import json

import pytest

from tests.soak.sockets import Line, Served

_LIMIT = 65_536
_NOT_HTTP = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(128, 256)),
    "no method": b"BREW /v1/staff HTTP/1.1\r\nHost: x\r\n\r\n",
    "what is for proxies": b"CONNECT localhost:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without a name": b"GET /healthz HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "a path of other bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long URL": b"GET /healthz?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: aaaaaaaa\r\n" * 6000 + b"\r\n",
    "a header without an end": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 400_000,
}


@pytest.mark.parametrize("sent", _NOT_HTTP.values(), ids=_NOT_HTTP)
async def test_what_is_no_request(sent: bytes, plain: Served) -> None:
    async with plain.line() as line:
        await line.send(sent)
        answer = await line.answer()
        assert (answer.status, answer.problem) == (400, "malformed")
        assert answer.headers["connection"] == "close"
        assert await line.is_closed()
    assert (await plain.client.get("/healthz")).status_code == 200


async def test_a_head_just_small_enough(plain: Served) -> None:
    async with plain.line() as line:
        await line.send(plain.head("GET /v1/staff", "X-A: " + "a" * (_LIMIT - 500)) + b"\r\n")
        assert (await line.answer()).status == 200
        await line.send(plain.post("/v1/staff", plain.staff().ljust(500_000)))
        assert (await line.answer()).status == 201
        await _is_served(line, plain)


async def test_requests_one_behind_the_other_are_answered_in_order(plain: Served) -> None:
    names = [f"r-{number}" for number in range(100)]
    async with plain.line() as line:
        await line.send(b"".join(plain.head("GET /v1/staff", f"X-Request-Id: {name}") + b"\r\n" for name in names))
        assert [(await line.answer()).headers["x-request-id"] for _ in names] == names
        await _is_served(line, plain)


async def test_too_many_requests_one_behind_the_other(plain: Served) -> None:
    async with plain.line() as line:
        await line.send((plain.head("GET /v1/staff") + b"\r\n") * 1000)
        assert await line.is_closed()
    assert [fault["event"] for fault in plain.faults()] == ["invalid HTTP: 100 requests may wait on one connection"]


async def test_http_1_0(plain: Served) -> None:
    async with plain.line() as line:
        await line.send(plain.head("GET /v1/staff").replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n")
        answer = await line.answer()
        assert answer.status == 200
        assert len(json.loads(answer.body)["data"]) >= 0
        assert "transfer-encoding" not in answer.headers
        assert await line.is_closed()


async def test_a_body_that_waits_to_be_asked_for(plain: Served) -> None:
    body = plain.staff()
    whole = plain.post("/v1/staff", body, "Expect: 100-continue")
    async with plain.line() as line:
        await line.send(whole[: -len(body)])
        assert (await line.answer()).status == 100
        await line.send(body)
        assert (await line.answer()).status == 201
        await _is_served(line, plain)


def _in_chunks(plain: Served, body: bytes, end: bytes) -> bytes:
    headers = ("Transfer-Encoding: chunked", "Content-Type: application/json")
    return plain.head("POST /v1/staff", *headers) + b"\r\n" + b"%x\r\n%b\r\n" % (len(body), body) + end


async def test_a_body_in_chunks(plain: Served) -> None:
    async with plain.line() as line:
        await line.send(_in_chunks(plain, plain.staff(), b"0\r\n\r\n"))
        assert (await line.answer()).status == 201
        await _is_served(line, plain)


async def test_what_comes_behind_a_body_is_no_header(plain: Served) -> None:
    request = _in_chunks(plain, plain.staff(), b"0\r\nIdempotency-Key: trailing\r\n\r\n")
    async with plain.line() as line:
        for status in (201, 409):
            await line.send(request)
            assert (await line.answer()).status == status


async def test_a_body_whose_chunks_are_broken_is_not_taken(plain: Served) -> None:
    body = plain.staff()
    async with plain.line() as line:
        await line.send(_in_chunks(plain, body, b"no size\r\n"))
        answer = await line.answer()
        assert (answer.status, answer.problem) == (400, "malformed")
        assert await line.is_closed()
    async with plain.line() as line:
        await line.send(plain.post("/v1/staff", body))
        assert (await line.answer()).status == 201


async def test_what_comes_behind_a_request_is_not_answered_in_its_place(plain: Served) -> None:
    """Its own answer comes, or none; never the refusal of the bytes that follow it."""
    request = plain.post("/v1/staff", plain.staff(), "Idempotency-Key: garbage-behind")
    async with plain.line() as line:
        await line.send(request + b"\x00\x01\x02 garbage \r\n\r\n")
        assert await line.reader.read() == b""
    async with plain.line() as line:
        await line.send(request)
        assert (await line.answer()).status == 201


@pytest.mark.parametrize("to", ["websocket", "h2c", "TLS/1.3"])
async def test_no_other_protocol_is_spoken(to: str, plain: Served) -> None:
    headers = ("Connection: Upgrade", f"Upgrade: {to}")
    async with plain.line() as line:
        await line.send(plain.head("GET /v1/staff", *headers) + b"\r\n")
        assert (await line.answer()).status == 200
        await _is_served(line, plain)
        await line.send(plain.post("/v1/staff", plain.staff(), *headers))
        assert (await line.answer()).status == 201
        await _is_served(line, plain)


async def _is_served(line: Line, plain: Served) -> None:
    await line.send(plain.head("GET /v1/staff") + b"\r\n")
    assert (await line.answer()).status == 200
