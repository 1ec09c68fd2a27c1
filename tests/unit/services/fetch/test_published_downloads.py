"""The downloader: whole, checked, resumed, refused in plain words; against a server on this computer."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest
from loopback import Clock, Loopback, Served, loopback

from nscweb.core.errors import DiskFull, InputRefused, JobCancelled, LimitExceeded
from nscweb.services.fetch import downloads, web_requests
from nscweb.services.fetch.downloads import Expected, check_file, download, git_blob_id
from nscweb.services.fetch.web_requests import fetch_json

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
MOST = 10_000_000


@pytest.fixture
def server():
    with loopback() as running:
        yield running


def get(server: Loopback, target: Path, **options):
    return download(f"{server.url}/file", target, most_bytes=MOST, patience=Clock().patience(), **options)


def left_over(folder: Path) -> list[str]:
    """Everything in the folder but the lock file."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_file_arrives_whole_with_progress_in_bytes(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, etag='"one"')
    told: list[tuple[int, int, str]] = []
    path = get(
        server, tmp_path / "new" / "x.bin", progress=lambda done, total, step="": told.append((done, total, step))
    )
    assert path.read_bytes() == CONTENT and left_over(path.parent) == ["x.bin"]
    assert told[-1][:2] == (len(CONTENT), len(CONTENT))
    assert all(step.startswith(downloads.STEP) for *_, step in told)
    assert "Range" not in server.asked[0][1] and server.asked[0][1]["Accept-Encoding"] == "identity"


def test_the_seconds_that_are_left_are_told(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT)
    clock, told = Clock(), []

    def watch(done: int, total: int, step: str = "") -> None:
        clock.now += 2.0
        told.append(step)

    download(f"{server.url}/file", tmp_path / "x.bin", most_bytes=MOST, patience=clock.patience(), progress=watch)
    assert any("s left" in step for step in told[1:-1])


def test_a_cut_download_goes_on_where_it_stopped(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, etag='"one"', cuts=[100_000, 50_000])
    path = get(server, tmp_path / "x.bin", expected=Expected(len(CONTENT), md5=MD5))
    assert path.read_bytes() == CONTENT
    asked = [headers.get("Range") for _, headers in server.asked]
    assert asked == [None, "bytes=100000-", "bytes=150000-"]
    assert server.asked[1][1]["If-Range"] == '"one"'


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, etag='"one"', cuts=[1000, 0, 0, 0])
    with pytest.raises(InputRefused, match=r"cut off before the file x\.bin had arrived") as caught:
        get(server, tmp_path / "x.bin")
    assert caught.value.code == "E-DOWNLOAD-CUT" and "goes on from where it stopped" in caught.value.todo
    assert not (tmp_path / "x.bin").exists()
    assert get(server, tmp_path / "x.bin").read_bytes() == CONTENT
    assert server.asked[-1][1]["Range"] == "bytes=1000-"


def test_another_version_on_the_server_is_got_from_its_beginning(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, etag='"one"', cuts=[1000, 0, 0, 0])
    with pytest.raises(InputRefused):
        get(server, tmp_path / "x.bin")
    server.files["/file"] = Served(CONTENT[::-1], etag='"two"')
    assert get(server, tmp_path / "x.bin").read_bytes() == CONTENT[::-1]


def test_without_etag_and_checksum_a_part_is_not_trusted(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, cuts=[1000])
    assert get(server, tmp_path / "x.bin").read_bytes() == CONTENT
    assert all("Range" not in headers for _, headers in server.asked)


def test_parts_of_two_versions_are_noticed_and_got_once_more(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / ".x.bin.part").write_bytes(b"z" * 500)
    server.files["/file"] = Served(CONTENT)
    path = get(server, tmp_path / "x.bin", expected=Expected(md5=MD5))
    assert path.read_bytes() == CONTENT
    assert [headers.get("Range") for _, headers in server.asked] == ["bytes=500-", None]


def test_a_part_longer_than_the_file_is_thrown_away(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / ".x.bin.part").write_bytes(b"z" * (len(CONTENT) + 5))
    server.files["/file"] = Served(CONTENT)
    assert get(server, tmp_path / "x.bin", expected=Expected(md5=MD5)).read_bytes() == CONTENT


def test_a_server_without_ranges_gives_the_whole_file_again(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, etag='"one"', cuts=[1000], ranges=False)
    assert get(server, tmp_path / "x.bin", expected=Expected(md5=MD5)).read_bytes() == CONTENT


def test_a_wrong_checksum_removes_the_file(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT)
    with pytest.raises(InputRefused, match=r"x\.bin is not the one that was meant: its MD5 is") as caught:
        get(server, tmp_path / "x.bin", expected=Expected(md5="0" * 32))
    assert caught.value.code == "E-DOWNLOAD-HASH" and left_over(tmp_path) == []


def test_a_file_that_is_there_already_is_not_got_again(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(CONTENT)
    get(server, tmp_path / "x.bin", expected=Expected(md5=MD5))
    assert server.asked == []


def test_a_missing_file_is_told_at_once_and_a_fault_is_tried_again(server: Loopback, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"answered 404 \(it has no such file\)"):
        get(server, tmp_path / "x.bin")
    assert len(server.asked) == 1
    server.files["/file"] = Served(CONTENT, statuses=[503, 429], headers={"Retry-After": "7"})
    clock = Clock()
    download(f"{server.url}/file", tmp_path / "x.bin", most_bytes=MOST, patience=clock.patience())
    assert clock.now >= 14


def test_pauses_grow(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, statuses=[500] * 9)
    clock = Clock()
    with pytest.raises(InputRefused, match="answered 500"):
        download(f"{server.url}/file", tmp_path / "x.bin", most_bytes=MOST, patience=clock.patience(5))
    assert clock.now == 1 + 2 + 4 + 8 and len(server.asked) == 5


def test_no_network_says_what_works_without_it(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(InputRefused, match="there is no network, or it is blocked") as caught:
        download(f"http://127.0.0.1:{port}/file", tmp_path / "x", most_bytes=MOST, patience=Clock().patience())
    assert caught.value.code == web_requests.NO_NETWORK and "works without it" in caught.value.todo


@pytest.mark.parametrize(
    "url", ["http://example.org/model.pt", "file:///etc/passwd", "ftp://example.org/x", "https:///x"]
)
def test_only_https_is_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="is not an https address") as caught:
        download(url, tmp_path / "x", most_bytes=MOST, patience=Clock().patience())
    assert caught.value.code == "E-DOWNLOAD-URL"


def test_redirects_are_followed_but_never_away_from_https(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(statuses=[302], headers={"Location": "/other"})
    server.files["/other"] = Served(CONTENT)
    assert get(server, tmp_path / "x.bin").read_bytes() == CONTENT
    server.files["/file"] = Served(statuses=[302], headers={"Location": "http://example.org/x"})
    with pytest.raises(InputRefused, match="is not an https address"):
        get(server, tmp_path / "y.bin")
    server.files["/file"] = Served(statuses=[302] * 20, headers={"Location": "/file"})
    with pytest.raises(InputRefused, match="without end"):
        get(server, tmp_path / "y.bin")


def test_a_longer_file_than_allowed_is_refused_and_leaves_nothing(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT)
    with pytest.raises(LimitExceeded, match=r"at most 0\.0 MB"):
        download(f"{server.url}/file", tmp_path / "x.bin", most_bytes=1000, patience=Clock().patience())
    assert left_over(tmp_path) == []


def test_the_disk_is_looked_at_first(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nscweb.store.files.free_bytes", lambda folder: 1000)
    server.files["/file"] = Served(CONTENT)
    with pytest.raises(DiskFull):
        get(server, tmp_path / "x.bin", expected=Expected(size=len(CONTENT)))
    assert server.asked == []


def test_cancelling_keeps_what_has_arrived(server: Loopback, tmp_path: Path) -> None:
    server.files["/file"] = Served(CONTENT, etag='"one"')
    seen: list[int] = []
    with pytest.raises(JobCancelled):
        get(
            server,
            tmp_path / "x.bin",
            progress=lambda done, total, step="": seen.append(done),
            cancel=lambda: bool(seen),
        )
    assert (tmp_path / ".x.bin.part").stat().st_size == seen[0] < len(CONTENT)
    get(server, tmp_path / "x.bin")
    assert server.asked[-1][1]["Range"] == f"bytes={seen[0]}-"


def test_git_blob_id_is_that_of_git(tmp_path: Path) -> None:
    # `printf 'hello\n' | git hash-object --stdin`
    (tmp_path / "x").write_bytes(b"hello\n")
    assert git_blob_id(tmp_path / "x") == "ce013625030ba8dba906f756967f9e9ca394464a"
    check_file(tmp_path / "x", Expected(6, git_blob="ce013625030ba8dba906f756967f9e9ca394464a"))
    check_file(tmp_path / "x", Expected(sha256="5891b5b522"))
    with pytest.raises(InputRefused, match="has 6 bytes; it should have 7"):
        check_file(tmp_path / "x", Expected(7))


def test_an_answer_that_is_not_json_is_told(server: Loopback) -> None:
    server.files["/api"] = Served(b"<html>Please log in</html>")
    with pytest.raises(InputRefused, match="it is not JSON"):
        fetch_json(f"{server.url}/api", patience=Clock().patience())
    server.files["/api"] = Served(b'{"a": [1]}')
    assert fetch_json(f"{server.url}/api", patience=Clock().patience()) == {"a": [1]}
