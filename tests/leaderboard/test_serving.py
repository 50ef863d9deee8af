from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.leaderboard import serving
from anyres_bench.leaderboard.serving import FolderServer
from tests.reporters import Recorder


@pytest.fixture
def served(tmp_path: Path) -> Iterator[FolderServer]:
    site = tmp_path / "site"
    (site / "data").mkdir(parents=True)
    (site / "index.html").write_text("<p>front</p>")
    (site / "data" / "a b.csv").write_text("x\n")
    (site / ".hidden").write_text("no")
    (tmp_path / "secret").write_text("secret")
    (site / "link").symlink_to(tmp_path / "secret")
    (site / "up").symlink_to(tmp_path)
    with FolderServer(site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: FolderServer, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, bytes, dict[str, str]]:
    port = server.server_address[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, dict(answer.getheaders())


def test_files_and_the_front_page(served: FolderServer) -> None:
    assert served.address == f"http://127.0.0.1:{served.server_address[1]}/"
    status, body, headers = ask(served, "/")
    assert (status, body) == (200, b"<p>front</p>")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ask(served, "/data/a%20b.csv?x=1")[:2] == (200, b"x\n")
    status, body, headers = ask(served, "/index.html", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "12")


@pytest.mark.parametrize(
    "path",
    [
        *("/none", "/data", "/data/", "/../secret", "/%2e%2e/secret", "/data/..%2f..%2fsecret"),
        *("//[", "http://[/", "/none?//["),
        *("/link", "/up/secret", "/.hidden", "//etc/passwd", "/data/\\..\\secret", "/%00", "/a//b"),
    ],
)
def test_nothing_else_is_sent(served: FolderServer, path: str) -> None:
    status, body, _ = ask(served, path)
    assert status == 404
    assert b"secret" not in body.replace(path.encode(), b"")


def test_other_names_of_this_machine_are_refused(served: FolderServer) -> None:
    assert ask(served, "/", host="evil.example")[0] == 403
    assert ask(served, "/", host=f"localhost:{served.server_address[1]}")[0] == 200


def test_only_reading(served: FolderServer) -> None:
    assert ask(served, "/", "POST")[0] == 501
    assert ask(served, "/", "DELETE")[0] == 501


def test_who_asks_a_letter_at_a_time_is_left(
    served: FolderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each letter comes in time, the question does not."""
    monkeypatch.setattr(serving._Handler, "timeout", 0.5)
    with socket.create_connection(served.server_address[:2]) as slow:
        slow.settimeout(0.05)
        for _ in range(200):
            slow.send(b"G")
            try:
                assert slow.recv(1) == b""
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("it is listened to for as long as it likes")
    assert ask(served, "/")[0] == 200


def test_connections_that_hang_keep_nobody_out_for_ever(
    served: FolderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving._Handler, "timeout", 1)
    n_before = threading.active_count()
    with contextlib.ExitStack() as stack:
        for _ in range(3 * serving._MOST_CONNECTIONS):
            stack.enter_context(socket.create_connection(served.server_address[:2]))
        until_true(lambda: threading.active_count() > n_before + serving._MOST_CONNECTIONS // 2)
        assert threading.active_count() <= n_before + serving._MOST_CONNECTIONS
        until_true(lambda: answers(served))


def answers(server: FolderServer) -> bool:
    try:
        return ask(server, "/")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def until_true(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.02)
    pytest.fail("it never came")


def test_names_of_this_machine_are_not_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some machines wait for seconds, or have a name that cannot be read."""
    monkeypatch.setattr(socket, "getfqdn", lambda *name: pytest.fail("looked up"))
    FolderServer(tmp_path).server_close()


def test_a_folder_and_a_free_port_are_needed(served: FolderServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        FolderServer(tmp_path / "none")
    with pytest.raises(UsageError, match="another --port"):
        FolderServer(tmp_path, served.server_address[1])


def test_a_browser_that_goes_away_is_no_traceback(
    served: FolderServer, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        raise BrokenPipeError("gone")
    except BrokenPipeError:
        with report_to(said := Recorder()):
            served.handle_error(None, ("127.0.0.1", 1))
    assert said.told == [("detail", "an answer ended early: gone")]
    assert capfd.readouterr() == ("", "")
