"""Asking servers that somebody hostile wrote: a record within the time, whatever they do."""

import asyncio
import gzip
import tracemalloc

import pytest

from checker.asking import Answer, Ask, Asker

SECONDS = 1.0
GET = Ask("GET", "/")


async def _until_asked(reader):
    await reader.readuntil(b"\r\n\r\n")


def serve(talk, ask=GET, seconds=SECONDS, times=1, **options):
    """Ask a server that talks like that once the request has come; return the last answer."""

    async def main():
        async def handle(reader, writer):
            try:
                await _until_asked(reader)
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(seconds + 10), Asker(f"http://127.0.0.1:{port}") as asker:
            answers = [await asker.ask(ask, seconds, **options) for _ in range(times)]
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        return answers[-1]

    answer = asyncio.run(main())
    assert isinstance(answer, Answer)
    assert answer.seconds < seconds + 5
    return answer


def says(*parts, pause=0.0, forever=False):
    async def talk(reader, writer):
        while True:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            if not forever:
                return

    return talk


OK = b"HTTP/1.1 200 OK\r\n"


def test_a_plain_answer():
    answer = serve(says(OK + b"Content-Type: text/plain\r\nContent-Length: 2\r\nX-Other: 1\r\n\r\nhi"))
    assert (answer.status, answer.body, answer.problem) == (200, b"hi", None)
    assert answer.headers == {"content-type": "text/plain"}


async def hang(reader, writer):
    await asyncio.sleep(60)


LATE = {
    "says nothing": hang,
    "drips its headers": says(OK, *(b"X-%d: y\r\n" % number for number in range(2000)), pause=0.02),
    "drips its body": says(OK + b"Content-Length: 100000\r\n\r\n", *([b"x"] * 2000), pause=0.02),
    "goes on to announce": says(b"HTTP/1.1 103 Early Hints\r\n\r\n", pause=0.001, forever=True),
    "stops before the end": says(OK + b"Content-Length: 10\r\n\r\nhalf", b"", pause=60),
}


@pytest.mark.parametrize("talk", LATE.values(), ids=LATE)
def test_what_does_not_end(talk):
    answer = serve(talk)
    assert answer.late, answer


CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
MUCH = {
    "streams without end": says(OK + b"Transfer-Encoding: chunked\r\n\r\n", *([CHUNK] * 400)),
    "announces a gigabyte, and sends it": says(OK + b"Content-Length: 1073741824\r\n\r\n", *([b"x" * 65536] * 4000)),
    "sends without saying how much": says(OK + b"\r\n", *([b"x" * 65536] * 4000)),
}


@pytest.mark.parametrize("talk", MUCH.values(), ids=MUCH)
def test_what_is_too_much(talk):
    tracemalloc.start()
    try:
        answer = serve(talk, seconds=20, largest=100_000)
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()
    assert answer.problem == "answered more than 100000 bytes"
    assert len(answer.body) == 100_000


BROKEN = {
    "no HTTP": says(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "a status that is none": says(b"HTTP/1.1 two hundred\r\n\r\n"),
    "a status of five digits": says(b"HTTP/1.1 20000 OK\r\n\r\n"),
    "a header that is none": says(OK + b"no colon here\r\n\r\n"),
    "headers of a megabyte": says(OK + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n"),
    "a negative length": says(OK + b"Content-Length: -1\r\n\r\n"),
    "two lengths": says(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    "a chunk that is none": says(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
    "nothing at all": says(),
    "an end in the middle": says(OK + b"Content-Length: 10\r\n\r\nhalf"),
    "terminal escapes": says(b"\x1b]0;pwned\x07\x1b[2J\r\n\r\n"),
    "a newer protocol": says(OK.replace(b"200 OK", b"101 Switching") + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
}


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN)
def test_what_is_no_answer(talk):
    answer = serve(talk)
    assert answer.problem or answer.status == 101
    assert "\x1b" not in (answer.problem or "")


def test_a_redirect_leads_nowhere():
    asked = []

    async def talk(reader, writer):
        asked.append(1)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    answer = serve(talk)
    assert (answer.status, answer.headers["location"], len(asked)) == (302, "http://169.254.169.254/latest", 1)


def test_nothing_is_unpacked():
    bomb = gzip.compress(b"\0" * (64 << 20))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    answer = serve(says(head + bomb), seconds=10)
    assert answer.body == bomb


def test_no_cookies_and_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    seen = []

    async def main():
        async def handle(reader, writer):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK + b"Set-Cookie: a=b; Path=/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with Asker(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as asker:
            for _ in range(2):
                assert (await asker.ask(GET, 5)).status == 200
        server.close()

    asyncio.run(main())
    assert len(seen) == 2
    assert not any(b"cookie" in each.lower() for each in seen)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_before_all_was_sent(tmp_path, chunked):
    """Over a Unix socket, what was answered comes through, though the rest of the request was never read."""

    async def main():
        async def handle(reader, writer):
            await _until_asked(reader)
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(handle, tmp_path / "s")
        async with Asker("http://service", str(tmp_path / "s")) as asker:
            answer = await asker.ask(Ask("POST", "/", b"x" * 300_000, chunked=chunked), 10)
        server.close()
        return answer

    assert asyncio.run(main()).status == 413


def test_nobody_there():
    async def main():
        async with Asker("http://127.0.0.1:9") as asker:
            return await asker.ask(GET, 5)

    answer = asyncio.run(main())
    assert (answer.status, answer.problem) == (None, "cannot be reached")
