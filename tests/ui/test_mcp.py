"""`studio mcp` as a client sees it: a real process, real pipes, the SDK's own client."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import soundfile
from mcp import McpError, types
from mcp_client import McpClient, kinds, server_env, words
from PIL import Image
from pydantic import AnyUrl

from configs.workspace import Workspace
from memory.records import Asset
from tools.registry import TOOLS, get_tool
from tools.schema import function_schema
from ui.mcp.content import INLINE_BYTES, blocks, shown_picture

YES = types.ElicitResult(action="accept", content={"approve": True})
NO = types.ElicitResult(action="accept", content={"approve": False})
AWAY = types.ElicitResult(action="cancel")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpClient]:
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "videos").mkdir()
    client = McpClient(folder / "home", "--folder", str(folder / "videos"), answer=AWAY)
    yield client
    client.close()


@pytest.fixture(scope="module")
def mute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpClient]:
    """A client that cannot ask its user."""
    client = McpClient(tmp_path_factory.mktemp("mute") / "home")
    yield client
    client.close()


def test_every_tool_is_there_with_its_own_schema(client: McpClient) -> None:
    assert client.hello.serverInfo.name == "animation-ai-studio" and "`ask`" in (client.hello.instructions or "")
    listed = {tool.name: tool for tool in client.do(client.session.list_tools()).tools}
    assert set(listed) == {*TOOLS, "ask", "attach_file"}
    for name in TOOLS:
        shape = function_schema(get_tool(name))["function"]
        assert (listed[name].description, listed[name].inputSchema) == (shape["description"], shape["parameters"])
    hints = {name: listed[name].annotations for name in ("gpu_status", "generate_image", "forget_voice")}
    assert [(h.readOnlyHint, h.destructiveHint) for h in hints.values() if h] == [
        (True, False), (False, False), (False, True),
    ]  # fmt: skip


def test_folders_alone_offer_to_take_files_in(mute: McpClient) -> None:
    assert "attach_file" not in {tool.name for tool in mute.do(mute.session.list_tools()).tools}


def test_a_picture_is_made_with_progress_and_comes_along(client: McpClient) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    wish = {"prompt": "a red ball on the beach", "seed": 3}
    made = client.do(client.session.call_tool("generate_image", wish, progress_callback=progress))
    assert not made.isError and kinds(made) == ["text", "image", "resource_link"], words(made)
    figures = [done for done, _, _ in told]
    assert figures == sorted(set(figures)) and figures[-1] == 100 and {total for _, total, _ in told} == {100}
    report = made.structuredContent or {}
    asset = report["assets"][0]
    assert report["status"] == "done" and asset["engine"] == "preview" and asset["id"] in words(made)
    file = client.home / asset["path"]
    picture = next(part for part in made.content if isinstance(part, types.ImageContent))
    assert base64.b64decode(picture.data) == file.read_bytes() and picture.mimeType == "image/png"

    resource = next(r for r in client.do(client.session.list_resources()).resources if asset["id"] in str(r.uri))
    assert resource.mimeType == "image/png" and resource.size == file.stat().st_size
    content = client.do(client.session.read_resource(resource.uri)).contents[0]
    assert isinstance(content, types.BlobResourceContents) and base64.b64decode(content.blob) == file.read_bytes()


def test_what_is_read_gives_words_alone(client: McpClient) -> None:
    client.call("remember", kind="note", text="The sea is green")
    found = client.call("search_memory", query="sea")
    assert kinds(found) == ["text"] and "green" in words(found) and (found.structuredContent or {})["status"] == "done"


@pytest.mark.parametrize(
    ("name", "args", "said", "code"),
    [
        ("speek", {}, "Did you mean 'speak'?", 2),
        ("speak", {"txt": "a"}, "speak has no argument 'txt'", 2),
        ("speak", {}, "speak needs 'text'", 2),
        ("generate_image", {"prompt": "a", "width": "wide"}, "'width' cannot be 'wide'", 2),
        ("analyze_image", {"image": "/etc/passwd"}, "lies outside the workspace", 2),
        ("analyze_image", {"image": "../../secret.png"}, "lies outside the workspace", 2),
        ("ask", {"text": ""}, "The wish is empty", 2),
        ("ask", {}, "'text' is wrong", 2),
        ("ask", {"text": "cut it", "attach": ["/etc/passwd"]}, "lies outside the workspace", 2),
        ("attach_file", {"path": "/etc/passwd"}, "lies outside the workspace", 2),
    ],
)
def test_what_fails_is_one_sentence(
    client: McpClient, name: str, args: dict[str, object], said: str, code: int
) -> None:
    result = client.call(name, **args)
    assert result.isError and said in words(result) and "Traceback" not in words(result) and kinds(result) == ["text"]
    assert (result.structuredContent or {})["error"]["exit_code"] == code


def test_a_link_out_of_an_allowed_folder_is_refused(client: McpClient) -> None:
    videos = client.home.parent / "videos"
    (videos / "words.txt").write_text("Good morning, sea.")
    (videos / "link.txt").symlink_to("/etc/hostname")
    taken = client.call("attach_file", path=str(videos / "words.txt"))
    assert not taken.isError and "'words.txt'" in words(taken)
    assert client.call("attach_file", path=str(videos / "link.txt")).isError
    uri = f"studio://assets/{(taken.structuredContent or {})['assets'][0]['id']}"
    content = client.do(client.session.read_resource(AnyUrl(uri))).contents[0]
    assert isinstance(content, types.TextResourceContents) and content.text == "Good morning, sea."


def test_a_resource_that_is_not_there_is_an_error(client: McpClient) -> None:
    for uri in ("studio://assets/img-nothing", "file:///etc/passwd", "studio://assets/../studio.db"):
        with pytest.raises(McpError, match="There is no asset"):
            client.do(client.session.read_resource(AnyUrl(uri)))


def test_old_protocols_get_no_content_that_they_do_not_know(workspace: Workspace) -> None:
    (workspace.assets / "a.wav").write_bytes(b"RIFF" * 100)
    sound = Asset(id="aud-1", kind="audio", path="assets/a.wav", name="a", sha256="0", bytes=400)
    shown = {
        version: [part.type for part in blocks("said", [sound], workspace, version)]
        for version in ("2024-11-05", "2025-03-26", "2025-06-18")
    }
    assert list(shown.values()) == [["text"], ["text", "audio"], ["text", "audio", "resource_link"]]


def test_large_pictures_are_shown_smaller(workspace: Workspace) -> None:
    noise = numpy.random.default_rng(1).integers(0, 255, (1200, 1600, 3), dtype=numpy.uint8)
    Image.fromarray(noise).save(workspace.assets / "a.png")
    size = (workspace.assets / "a.png").stat().st_size
    large = Asset(id="img-1", kind="image", path="assets/a.png", name="a", sha256="0", bytes=size)
    found = blocks("drawn", [large] * 6, workspace, "2025-06-18")
    pictures = [part for part in found if isinstance(part, types.ImageContent)]
    assert size > INLINE_BYTES and len(pictures) >= 2 and {part.mimeType for part in pictures} == {"image/jpeg"}
    assert sum(len(part.data) for part in pictures) < 2**20
    (workspace.assets / "b.png").write_bytes(b"no picture" * INLINE_BYTES)
    assert shown_picture(workspace.assets / "b.png", 1000) == (b"", "")


def test_one_is_cancelled_while_another_runs(client: McpClient) -> None:
    begun = threading.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        if done > 1:
            begun.set()

    wish = {"prompt": "a boat", "width": 640, "height": 360, "count": 4, "seed": 8}
    number = client.session._request_id
    running = client.begin(client.session.call_tool("generate_image", wish, progress_callback=progress))
    assert begun.wait(300)
    assert not client.call("gpu_status").isError and not running.done(), "a second call need not wait"
    params = types.CancelledNotificationParams(requestId=number, reason="enough")
    client.do(client.session.send_notification(types.ClientNotification(types.CancelledNotification(params=params))))
    with pytest.raises(McpError, match="cancelled"):
        running.result(30)
    for _ in range(300):
        engines = (client.call("gpu_status").structuredContent or {})["measurements"]["engines"]
        if not any(row["leases"] for row in engines):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the tool goes on")
    listed = (client.call("list_assets", kind="image").structuredContent or {})["assets"]
    assert len([row for row in listed if "boat" in row["name"]]) < 4


def test_ask_keeps_the_conversation(client: McpClient) -> None:
    first = client.call("ask", text="Say 'Good morning, sea' as Luca")
    report = first.structuredContent or {}
    assert not first.isError and kinds(first) == ["text", "audio", "resource_link"], words(first)
    assert report["thread"] == "mcp" and report["calls"][0]["tool"] == "speak" and "home" not in report
    again = client.call("ask", text="undo that")
    assert [row["tool"] for row in (again.structuredContent or {})["calls"]] == ["undo"], words(again)
    assert report["assets"][0]["id"] not in words(client.call("list_assets", kind="audio"))


def test_a_costly_plan_is_put_to_the_user(client: McpClient) -> None:
    client.asked.clear()
    client.answer = NO
    answer = client.call("ask", text="Make a 60 second film about a robot in the room")
    assert len(client.asked) == 1 and "make film" in client.asked[0] and "Approve it?" in client.asked[0]
    report = answer.structuredContent or {}
    assert report["calls"] == [] and report["plan"][0]["status"] == "cancelled" and not report["questions"]


def test_consent_and_what_deletes_are_the_users_own_word(client: McpClient) -> None:
    line = "Good morning, sea. I have come a long way to see you, and I would like to sit down and listen for a while."
    spoken = client.call("speak", text=line, character="Boo")
    recording = client.home.parent / "videos" / "nina.wav"
    own, rate = soundfile.read(client.home / (spoken.structuredContent or {})["assets"][0]["path"])
    soundfile.write(recording, own * 0.9, rate)  # no longer known as the studio's own
    assert not client.call("attach_file", path=str(recording)).isError
    invented = {"audio": "nina.wav", "character": "Nina", "text": line, "consent": "a synthetic voice"}
    client.asked.clear()
    client.answer = AWAY
    refused = client.call("clone_voice", **invented)
    assert len(client.asked) == 1 and (refused.structuredContent or {})["status"] == "asked", words(refused)
    assert not refused.isError and "Possible answers:" in words(refused)
    client.answer = types.ElicitResult(action="accept", content={"answer": "It is a synthetic voice"})
    cloned = client.call("clone_voice", **invented)
    assert not cloned.isError and (cloned.structuredContent or {})["status"] == "done", words(cloned)

    client.answer = NO
    kept = client.call("forget_voice", character="Nina")
    assert kept.isError and "the user did not agree" in words(kept) and "would delete" in client.asked[-1]
    assert (kept.structuredContent or {})["error"]["exit_code"] == 5
    client.answer = YES
    assert (client.call("forget_voice", character="Nina").structuredContent or {})["status"] == "done"


def test_who_cannot_be_asked_is_refused(mute: McpClient) -> None:
    mute.call("remember", kind="character", name="Luca", text="a boy with curly hair")
    for _ in range(2):  # also when the model says it again
        refused = mute.call("forget_voice", character="Luca")
        assert refused.isError and "this client cannot ask its user" in words(refused) and "--yes" in words(refused)
    planned = mute.call("ask", text="Forget Luca's voice")
    assert (planned.structuredContent or {})["questions"] and "studio mcp --yes" in words(planned)
    approved = mute.call("ask", text="go ahead")
    assert approved.isError and "this client cannot ask its user" in words(approved)


def test_a_home_in_use_is_told_and_free_after_kill_nine(tmp_path: Path) -> None:
    first = McpClient(tmp_path / "home")
    assert not first.call("remember", kind="note", text="The sea is green").isError
    second = McpClient(tmp_path / "home")
    told = second.call("list_assets")
    assert told.isError and "is in use" in words(told) and str(first.process.pid) in words(told)
    first.process.kill()
    first.process.wait(30)
    assert "green" in words(second.call("search_memory", query="sea")), "the same server goes on"
    second.close()
    first.close()
    assert not second.process.is_running()


HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}  # fmt: skip


def raw_server(home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ui.cli", "mcp", "--home", str(home)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env={**server_env(), "LC_ALL": "C"})


def send(server: subprocess.Popen[bytes], *messages: dict[str, object] | bytes) -> None:
    assert server.stdin is not None
    for message in messages:
        server.stdin.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
    server.stdin.flush()


def test_an_old_client_that_leaves_ends_the_server(tmp_path: Path) -> None:
    """Rubbish between the messages does no harm, nor does a home with umlauts in a locale without."""
    server = raw_server(tmp_path / "höme with space")
    call = {"name": "remember", "arguments": {"kind": "note", "name": "Però", "text": "Ciao, perché no?"}}
    send(server, b"rubbish\n", HELLO, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    send(server, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
    assert server.stdout is not None
    answers: dict[object, dict[str, object]] = {}
    while 2 not in answers:
        message = json.loads(server.stdout.readline())
        answers[message.get("id")] = message
    result = types.CallToolResult.model_validate(answers[2]["result"])
    assert not result.isError and kinds(result) == ["text"] and "Però" in words(result), words(result)
    out, err = server.communicate(timeout=60)  # closes its input
    assert (server.returncode, out) == (0, b""), err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_though_the_pipe_is_open(tmp_path: Path, number: signal.Signals) -> None:
    server = raw_server(tmp_path / "home")
    send(server, HELLO)
    assert server.stdout is not None and b"animation-ai-studio" in server.stdout.readline()
    server.send_signal(number)
    assert server.wait(60) == 128 + number
    assert server.stderr is not None and b"Traceback" not in server.stderr.read()


def test_what_others_print_and_read_leaves_the_protocol_alone() -> None:
    program = """
import asyncio, os, subprocess, sys
from ui.mcp.pipes import ProtocolPipes
pipes = ProtocolPipes()
print("printed"); os.write(1, b"by a library\\n")
child = subprocess.run(["cat"], check=True)  # would take the client's messages
async def main():
    async for line in pipes.lines():
        await pipes.output.write(line + "\\n")
        await pipes.output.flush()
asyncio.run(main())
"""
    run = subprocess.run(
        [sys.executable, "-c", program], input=b'{"a": 1}\n\n{"b": "\xc3\xa8"}\n', capture_output=True, timeout=60,
        env={**os.environ, "LC_ALL": "C"}, check=True,
    )  # fmt: skip
    assert run.stdout == b'{"a": 1}\n{"b": "\xc3\xa8"}\n' and b"printed" in run.stderr and b"library" in run.stderr


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    from in_process import studio_here
    from test_cli import one_sentence

    one_sentence(studio_here("mcp", "--home", str(tmp_path), "--folder", str(tmp_path / "no")), 2, "does not exist")
