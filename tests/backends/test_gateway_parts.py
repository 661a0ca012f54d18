"""The gateway's parts: reading requests, whole events, queues, keys."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.llm.gateway.app import is_loopback
from backends.llm.gateway.asked import LONGEST_NAME, read_asked
from backends.llm.gateway.events import EventStream
from backends.llm.gateway.keys import KeyStore
from backends.llm.gateway.lanes import Lane
from backends.llm.gateway.refusal import Refusal
from configs.errors import StudioError, UsageError

CHAT = "chat/completions"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    before=st.dictionaries(st.text().filter(lambda k: k not in ("model", "stream")), json_values, max_size=4),
    name=st.text(min_size=1, max_size=LONGEST_NAME),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_only_the_models_name_is_rewritten(
    before: dict[str, object], name: str, indent: int | None, ascii_only: bool
) -> None:
    fields = {**before, "model": name, "stream": True}
    body = json.dumps(fields, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        return
    asked = read_asked(CHAT, body)
    assert asked.body_for(name) == body
    sent = asked.body_for("another")
    assert json.loads(sent) == {**fields, "model": "another"}
    start, end = asked.span
    assert sent[:start] == body[:start]
    assert sent.endswith(body[end:])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line 1, column 1"),
        (b"[1]", "object"),
        (b'{"model": "a",\n "x": }', "line 2, column 7"),
        (b'{"model": "a"} x', "follows"),
        (b'{"model": "a" "b": 1}', "',' is expected"),
        (b'{"model": "a", }', "is expected"),
        (b'{"model": "a", "model": "b"}', "twice"),
        (b'{"model": "a", "temperature": NaN}', "NaN"),
        (b'{"model": "a\xff"}', "UTF-8"),
        (b"{" + b'"a":{' * 100_000, "nested"),
        (b'{"model": "a", "x": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"messages": []}', "'model'"),
        (b'{"model": 7}', "'model'"),
        (b'{"model": "' + b"a" * 100_000 + b'"}', "'model'"),
        (b"{" + b",".join(b'"a%d":1' % i for i in range(2000)) + b"}", "more than 1000 fields"),
        (b'{"model": "a", "stream": "yes"}', "'stream'"),
    ],
)
def test_a_wrong_body_is_explained(body: bytes, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_asked(CHAT, body)
    assert refused.value.status == 400
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("fields", "same_every_time"),
    [
        ({"temperature": 0}, True),
        ({"temperature": 0.0, "n": 1}, True),
        ({"temperature": 0, "n": 2}, False),
        ({"temperature": 0.1}, False),
        ({"temperature": False}, False),
        ({}, False),
    ],
)
def test_which_requests_are_deterministic(fields: dict[str, object], same_every_time: bool) -> None:
    assert read_asked(CHAT, json.dumps({"model": "a", **fields}).encode()).deterministic is same_every_time


def test_the_digest_heeds_all_fields_but_no_white_space() -> None:
    def digest(text: str, revision: str = "r", route: str = CHAT) -> str:
        return read_asked(route, text.encode()).digest(revision)

    plain = digest('{"model":"a","temperature":0,"user":"x"}')
    assert plain == digest('{ "user": "x", "temperature": 0, "model": "default" }')
    others = [
        digest('{"model":"a","temperature":0,"user":"y"}'),
        digest('{"model":"a","temperature":0,"user":"x"}', "other weights"),
        digest('{"model":"a","temperature":0,"user":"x"}', route="completions"),
        digest('{"model":"a","temperature":0,"user":"x","stream":true}'),
    ]
    assert len({plain, *others}) == 5


def test_the_order_inside_a_schema_counts() -> None:
    schemas = ('{"properties":{"a":{},"b":{}}}', '{"properties":{"b":{},"a":{}}}')
    bodies = [f'{{"model":"m","response_format":{{"json_schema":{{"schema":{s}}}}}}}'.encode() for s in schemas]
    assert len({read_asked(CHAT, body).digest("r") for body in bodies}) == 2, "it is the order of the answer"


EVENTS = (
    b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    b': comment\n\ndata: {"choices":[{"delta":{"content":"say \\"usage\\": {"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"b"}}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage": {"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)


@given(cuts=st.lists(st.integers(0, len(EVENTS)), max_size=12))
def test_events_come_out_whole_and_unchanged_however_they_are_cut(cuts: list[int]) -> None:
    stream, out, at = EventStream(), b"", 0
    for cut in [*sorted(cuts), len(EVENTS)]:
        whole = stream.feed(EVENTS[at:cut])
        assert whole == b"" or whole.endswith(b"\n\n")
        out, at = out + whole, cut
    assert out + stream.end() == EVENTS
    assert (stream.pieces, stream.done, stream.finished, stream.failed) == (2, True, True, False)
    assert stream.usage["completion_tokens"] == 2


def test_windows_line_ends_and_a_missing_end() -> None:
    stream = EventStream()
    assert stream.feed(b"data: 1\r\n\r\ndata: [DO") == b"data: 1\r\n\r\n"
    assert stream.feed(b"NE]") == b""
    assert stream.end() == b"data: [DONE]"
    assert stream.done


def test_an_aborted_or_failed_stream_is_not_whole() -> None:
    slept = EventStream()
    slept.feed(b'data: {"choices":[{"delta":{},"finish_reason":"abort"}]}\n\ndata: [DONE]\n\n')
    assert slept.failed
    broken = EventStream()
    broken.feed(b'data: {"error": {"message": "engine died"}}\n\ndata: [DONE]\n\n')
    assert broken.failed


def test_an_endless_event_is_passed_on_and_not_hoarded() -> None:
    stream, size = EventStream(), 0
    for _ in range(40):
        size += len(stream.feed(b"x" * 100_000))
    assert size > 2_000_000


async def test_a_lane_is_first_come_first_served_and_bounded() -> None:
    lane, order, let_go = Lane(1, 2), [], asyncio.Event()

    async def use(name: str) -> None:
        async with lane.turn("m"):
            order.append(name)
            await let_go.wait()

    first, second, third = (asyncio.create_task(use(name)) for name in "abc")
    await asyncio.sleep(0)
    assert (lane.running, lane.waiting) == (1, 2)
    with pytest.raises(Refusal) as full:
        await use("d")
    assert (full.value.status, full.value.retry_s > 0) == (429, True)
    second.cancel()
    await asyncio.sleep(0)
    let_go.set()
    await asyncio.gather(first, third)
    assert order == ["a", "c"]
    assert (lane.running, lane.waiting) == (0, 0)


async def test_a_turn_that_comes_with_the_cancel_is_passed_on() -> None:
    lane, hold = Lane(1, 5), asyncio.Event()

    async def use() -> None:
        async with lane.turn("m"):
            await hold.wait()

    first, second, third = (asyncio.create_task(use()) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)  # the first one's end gives the turn to the second
    second.cancel()
    hold.set()
    await asyncio.wait({first, second, third}, timeout=5)
    assert third.done() and not third.cancelled()
    assert (lane.running, lane.waiting) == (0, 0)


def test_keys_are_kept_as_hashes_in_a_file_of_ones_own(tmp_path: Path) -> None:
    store = KeyStore.of_home(tmp_path)
    key = store.add("laptop")
    file = tmp_path / "gateway-keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in file.read_text()
    (entry,) = store.list()
    assert (entry.name, entry.last4) == ("laptop", key[-4:])
    assert store.owner(key) == "laptop"
    assert store.owner(key[:-1]) == store.owner("") == store.owner("\udcff") == ""


def test_another_process_changes_the_keys(tmp_path: Path) -> None:
    served, command = KeyStore.of_home(tmp_path), KeyStore.of_home(tmp_path)
    assert served.owner("x") == ""
    one, two = command.add("one"), command.add("two")
    assert (served.owner(one), served.owner(two)) == ("one", "two")
    command.remove("one")
    assert (served.owner(one), served.owner(two)) == ("", "two")


def test_wrong_names_and_damaged_files_are_told(tmp_path: Path) -> None:
    store = KeyStore.of_home(tmp_path)
    store.add("one")
    for wrong in ("one", "", "a b", "../x", "x" * 100):
        with pytest.raises(UsageError):
            store.add(wrong)
    with pytest.raises(UsageError, match="Known are one"):
        store.remove("two")
    (tmp_path / "gateway-keys.json").write_text('{"keys": [{"name": 1}]}')
    with pytest.raises(StudioError, match="cannot be read"):
        store.owner("x")


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False), ("", False),
     ("::", False), ("192.168.1.5", False), ("studio.example", False)],
)  # fmt: skip
def test_which_addresses_need_a_key(host: str, own: bool) -> None:
    assert is_loopback(host) is own
