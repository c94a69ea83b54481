"""Downloads, from a server on this machine."""

import hashlib
import io
import os
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import pcneuro.data
from pcneuro.data import CIFAR10, MNIST
from pcneuro.data.downloads import Archive, SingleFile, move
from pcneuro.errors import (
    DataFileError,
    DownloadError,
    MissingExtraError,
    OutputError,
    ParameterError,
    UnknownNameError,
)
from tests.data.writers import write_cifar10

HOME = "cifar-10-batches-bin"


class Server:
    """Serves ``files`` by path. Where ``cut`` is set, connections end after so many bytes."""

    def __init__(self):
        self.files, self.asked, self.cut = {}, [], None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, self.headers["Accept-Encoding"]))
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: outer.cut])

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def put(self, path, content, algorithm="md5"):
        """Serve a file; returns what pins it."""
        self.files[path] = content
        checksum = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        return {"url": self.address + path, "checksum": checksum, "size": len(content)}


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    made = Server()
    yield made
    made.close()


@pytest.fixture
def files(server, monkeypatch):
    """Two small files in the place of MNIST's."""
    downloads = tuple(
        SingleFile(**server.put(f"/{name}.gz", content, algorithm), place=f"mnist/{name}.gz")
        for name, content, algorithm in (("a", b"A" * 300_000, "md5"), ("b", b"B" * 1000, "sha256"))
    )
    monkeypatch.setattr(MNIST, "downloads", downloads)
    return downloads


def tar(*members, mode="w:gz"):
    """A tar archive of pairs of a name, or a TarInfo, and a content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def serve_archive(server, monkeypatch, content):
    """The archive in the place of CIFAR-10's."""
    download = Archive(**server.put("/cifar.tar.gz", content), place=HOME, members=tuple(sorted(CIFAR10.files)))
    monkeypatch.setattr(CIFAR10, "downloads", (download,))


@pytest.fixture
def contents(tmp_path):
    """The files of a small CIFAR-10: content by name."""
    write_cifar10(tmp_path / "original", count=2)
    return {path.name: path.read_bytes() for path in (tmp_path / "original" / HOME).iterdir()}


def everything(folder):
    """Content by path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("prefix", ["", "./"])
def test_an_archive_is_unpacked_and_can_be_read(server, monkeypatch, tmp_path, contents, prefix):
    members = [(f"{prefix}{HOME}/{name}", content) for name, content in contents.items()]
    serve_archive(server, monkeypatch, tar((f"{HOME}/readme.html", b"<html>"), *members))
    folder = tmp_path / "new" / "data"
    shares = []
    fetched = pcneuro.data.fetch("cifar10", folder, shares.append)
    assert fetched.new == (folder / HOME,)
    assert fetched.kept == 0
    assert everything(folder) == {f"{HOME}/{name}": content for name, content in contents.items()}
    assert len(pcneuro.data.load("cifar10", folder=folder).train) == 10
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert server.asked == [("/cifar.tar.gz", "identity")]
    # Again: it is there, and nobody is asked.
    again = pcneuro.data.fetch("cifar10", folder)
    assert (again.new, again.kept) == ((), 1)
    assert len(server.asked) == 1


def test_files_go_to_their_places(server, files, tmp_path, monkeypatch):
    monkeypatch.setenv("PCNEURO_DATA", str(tmp_path))
    shares = []
    fetched = pcneuro.data.fetch("mnist", progress=shares.append)
    assert [path.name for path in fetched.new] == ["a.gz", "b.gz"]
    assert everything(tmp_path) == {"mnist/a.gz": b"A" * 300_000, "mnist/b.gz": b"B" * 1000}
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    umask = os.umask(0)
    os.umask(umask)
    assert fetched.new[0].stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_is_there_is_kept_and_the_rest_is_fetched(server, files, tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "a.gz").write_bytes(b"A" * 300_000)
    fetched = pcneuro.data.fetch("mnist", tmp_path)
    assert (len(fetched.new), fetched.kept) == (1, 1)
    assert [path for path, _ in server.asked] == ["/b.gz"]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_something_else_is_never_overwritten(server, files, tmp_path, kind):
    path = tmp_path / "mnist" / "b.gz"
    path.parent.mkdir()
    if kind == "file":
        path.write_bytes(b"mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataFileError, match=r"b.gz is not the official file \(1,000 bytes, sha256:.* move it away"):
        pcneuro.data.fetch("mnist", tmp_path)
    assert server.asked == []
    assert everything(tmp_path) == ({"mnist/b.gz": b"mine"} if kind == "file" else {})


def test_a_part_of_an_archive_is_never_overwritten(server, monkeypatch, tmp_path, contents):
    serve_archive(server, monkeypatch, tar(*((f"{HOME}/{n}", c) for n, c in contents.items())))
    folder = tmp_path / "data"
    (folder / HOME).mkdir(parents=True)
    (folder / HOME / "data_batch_1.bin").write_bytes(b"mine")
    with pytest.raises(DataFileError, match=r"exists, without data_batch_2.bin, .*move it away"):
        pcneuro.data.fetch("cifar10", folder)
    assert everything(folder) == {f"{HOME}/data_batch_1.bin": b"mine"}
    (folder / HOME / "data_batch_1.bin").unlink()
    assert pcneuro.data.fetch("cifar10", folder).new == (folder / HOME,)


def test_nothing_is_moved_over_something(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with pytest.raises(OutputError, match="exists already, and is not replaced"):
        move(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "b"


def test_another_checksum(server, files, tmp_path, monkeypatch):
    monkeypatch.setattr(MNIST, "downloads", (replace(files[0], checksum=f"md5:{'0' * 32}"), files[1]))
    with pytest.raises(DownloadError, match=r"/a.gz sent 300,000 bytes with another checksum .* nothing is kept"):
        pcneuro.data.fetch("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_the_file(server, files, tmp_path):
    server.files.clear()
    with pytest.raises(DownloadError, match=r"cannot download http://127.0.0.1:\d+/a.gz: HTTPError: 404"):
        pcneuro.data.fetch("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_ends_early(server, files, tmp_path):
    server.cut = 1000
    with pytest.raises(DownloadError, match=r"cannot download .*/a.gz") as caught:
        pcneuro.data.fetch("mnist", tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_server(server, files, tmp_path, monkeypatch):
    server.close()
    monkeypatch.setattr(server, "close", lambda: None)
    with pytest.raises(DownloadError, match=r"cannot download .*Connection refused"):
        pcneuro.data.fetch("mnist", tmp_path)


def test_an_interruption_leaves_nothing_behind(server, files, tmp_path):
    def interrupt(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pcneuro.data.fetch("mnist", tmp_path, interrupt)
    assert list(tmp_path.iterdir()) == []


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_an_archive_writes_nowhere_else(server, monkeypatch, tmp_path, contents):
    evil = [(f"{HOME}/../../evil", b"1"), ("../evil", b"2"), (str(tmp_path / "evil"), b"3"), (f"{HOME}/more.bin", b"4")]
    members = [(f"{HOME}/{name}", content) for name, content in contents.items()]
    serve_archive(server, monkeypatch, tar(*evil, *members, (members[0][0], b"second")))
    folder = tmp_path / "data"
    before = everything(tmp_path)
    pcneuro.data.fetch("cifar10", folder)
    assert everything(folder) == {f"{HOME}/{name}": content for name, content in contents.items()}
    assert {n: c for n, c in everything(tmp_path).items() if not n.startswith("data/")} == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_an_archive_of_links(server, monkeypatch, tmp_path, contents, kind):
    (tmp_path / "secret").write_bytes(b"secret")
    first = link(f"{HOME}/data_batch_1.bin", str(tmp_path / "secret"), kind)
    others = [(f"{HOME}/{name}", content) for name, content in contents.items() if name != "data_batch_1.bin"]
    serve_archive(server, monkeypatch, tar((first, b""), *others))
    with pytest.raises(DownloadError, match=f"has no file {HOME}/data_batch_1.bin in it"):
        pcneuro.data.fetch("cifar10", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("size", [0, 100, -2000])
def test_an_archive_that_is_damaged(server, monkeypatch, tmp_path, contents, size):
    content = tar(*((f"{HOME}/{n}", c) for n, c in contents.items()))
    serve_archive(server, monkeypatch, content[:size] if size else b"no archive at all")
    with pytest.raises(DownloadError, match=r"is no tar archive, or a damaged one|has no file"):
        pcneuro.data.fetch("cifar10", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_cannot_be_written(files, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=f"cannot write to {tmp_path}/file"):
        pcneuro.data.fetch("mnist", tmp_path / "file")


def test_what_is_not_fetched(tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match="did you mean 'mnist'"):
        pcneuro.data.fetch("mnits", tmp_path)
    with pytest.raises(ParameterError, match="digits is not downloaded: it comes with scikit-learn"):
        pcneuro.data.fetch("digits", tmp_path)
    with pytest.raises(DataFileError, match="no folder with data is given"):
        pcneuro.data.fetch("mnist")
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pcneuro\[data\]'"):
        pcneuro.data.fetch("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []
