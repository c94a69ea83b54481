"""Data sets by name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pcneuro.data
from pcneuro.data import DATASETS, AbstractFolderDataset
from pcneuro.errors import DataFileError, ParameterError, UnknownNameError
from tests.data.writers import write_cifar10

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_each_file_is_a_data_set():
    files = {path.stem for path in (ROOT / "pcneuro" / "data" / "sets").glob("*.py")} - {"__init__"}
    assert set(DATASETS) == files
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.title
        assert dataset.source
        assert dataset.terms
        assert dataset.__doc__


def test_the_documentation_tells_of_each():
    for name, dataset in DATASETS.items():
        assert f"`{name}`" in TEXT
        if issubclass(dataset, AbstractFolderDataset):
            assert f"`{dataset.places[0]}/" in TEXT
            assert dataset.source.split()[0] in TEXT


def test_the_examples_run(tmp_path, monkeypatch, capsys):
    write_cifar10(tmp_path, batches=(1, 2))
    monkeypatch.setenv("PCNEURO_DATA", str(tmp_path))
    for code in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
        exec(code, {})
    out = capsys.readouterr().out
    assert out.startswith("digits: 1,438 to learn from and 359 to test with: images of 1 x 8 x 8, 10 classes\n")
    assert "cifar10: 12 to learn from" in out
    assert "(80, 2) (80, 20, 2)\n{'gravity': 9.81, 'damping': 0.2}\n" in out


def test_each_download_is_pinned():
    for dataset in DATASETS.values():
        if issubclass(dataset, AbstractFolderDataset):
            assert dataset.downloads
            for download in dataset.downloads:
                algorithm, digest = download.checksum.split(":")
                assert len(digest) == {"md5": 32, "sha256": 64}[algorithm]
                assert set(digest) <= set("0123456789abcdef")
                assert download.size > 0


def test_unknown_names_and_choices():
    with pytest.raises(UnknownNameError, match="did you mean 'cifar100'"):
        pcneuro.data.load("cifar1000")
    with pytest.raises(ParameterError, match="no choice 'batch'; it has folder, train, test, batches"):
        pcneuro.data.load("cifar10", batch=1)


def test_without_a_folder(tmp_path, monkeypatch):
    with pytest.raises(DataFileError, match=r"no folder with data is given: name one .* or set PCNEURO_DATA"):
        pcneuro.data.load("mnist")
    missing = tmp_path / "nowhere"
    with pytest.raises(DataFileError, match=f"there is no folder {missing}; get it from http://yann"):
        pcneuro.data.load("mnist", folder=missing)
    monkeypatch.setenv("PCNEURO_DATA", str(missing))
    with pytest.raises(DataFileError, match=f"there is no folder {missing}"):
        pcneuro.data.load("mnist")


@pytest.mark.parametrize("name", [n for n, d in DATASETS.items() if issubclass(d, AbstractFolderDataset)])
def test_an_empty_folder(refused, tmp_path, name):
    message = refused(name)
    assert message.startswith(f"{name} is not in {tmp_path}/")
    assert DATASETS[name].source in message
    assert f"pcneuro data fetch {name} --folder {tmp_path}" in message
    assert DATASETS[name](folder=tmp_path).status() == "not there"
    assert DATASETS[name]().status() == "PCNEURO_DATA is not set"


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataFileError, match=f"{tmp_path}/data"):
        pcneuro.data.load("mnist", folder="~/data")


def test_the_import_is_light():
    code = "import sys, pcneuro.data; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"sklearn", "mlxtend", "pooch", "requests", "scipy.io"} & set(done.stdout.split()) == set()
