"""``pcneuro data``."""

import pytest

from pcneuro.data import DATASETS, Fetched
from pcneuro.errors import DownloadError


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch):
    monkeypatch.delenv("PCNEURO_DATA", raising=False)


def test_list_tells_of_each_and_whether_it_is_here(pcneuro, folder, monkeypatch):
    (folder / "data" / "names").mkdir(parents=True)
    (folder / "data" / "names" / "Greek.txt").write_text("Kalvos\n")
    code, out, err = pcneuro("data", "list", "--folder", "data")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert rows.keys() == DATASETS.keys()
    assert rows["names"].endswith("1 of 18 files in data/names")
    assert rows["cifar10"].endswith("170.1 MB           not there")
    assert rows["digits"].endswith("installed")
    assert "PCNEURO_DATA is not set" in pcneuro("data", "list")[1]
    monkeypatch.setenv("PCNEURO_DATA", "data")
    assert pcneuro("data", "list")[1] == out


def test_fetch_tells_what_is_new(pcneuro, folder, monkeypatch):
    asked = []

    def fake(name, place, progress):
        asked.append((name, str(place)))
        return Fetched((place / "svhn" / "train_32x32.mat",), 1)

    monkeypatch.setattr("pcneuro.cli.data.fetch", fake)
    code, out, err = pcneuro("data", "fetch", "svhn", "--folder", "data")
    assert (code, err) == (0, "")
    assert out == "data/svhn/train_32x32.mat\n1 of 2 there already\n"
    assert asked == [("svhn", "data")]


def test_what_cannot_be_fetched_is_one_line(refused, monkeypatch):
    assert refused("data", "fetch", "svnh") == "unknown data set 'svnh': did you mean 'svhn'?"
    assert refused("data", "fetch", "svhn").startswith("no folder with data is given: name one (folder=, --folder)")

    def unreachable(*arguments):
        raise DownloadError("cannot download it")

    monkeypatch.setattr("pcneuro.cli.data.fetch", unreachable)
    assert refused("data", "fetch", "svhn") == "cannot download it"
