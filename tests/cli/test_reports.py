"""Reports of the command line: the commands that they have work, and say what was run."""

import html
import json
import re
import shlex

import pytest

from tests.studies.conftest import SMALL, undrawn  # noqa: F401

pytestmark = pytest.mark.usefixtures("undrawn")
BATCH = SMALL + '[sweep]\n"integrator.dt" = [1.0, 2.0]\n[batch]\nrunner = {kind = "here"}\n'


def commands_of(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    (lines,) = re.findall(r'<pre [^>]*aria-label="commands?">(.*?)</pre>', text, re.DOTALL)
    return [shlex.split(html.unescape(line))[1:] for line in lines.splitlines()]


def test_commands_of_a_batch(pcneuro, folder):
    pytest.importorskip("zarr")
    (folder / "b c.toml").write_text(BATCH)
    assert pcneuro("run", "b c.toml", "--set", "duration=5.0")[0] == 0
    first, status, export = commands_of(folder / "results" / "b c")
    assert first == ["run", "b c.toml", "--set", "duration=5.0"]
    for command in (first, status, export):
        code, _, err = pcneuro(*command)
        assert code == 0, err
    assert (folder / "results" / "b c.nc").exists()
    tables = [json.loads((folder / "results" / name / "batch.json").read_text())["study"] for name in ("b c", "b c-2")]
    assert tables[0] == tables[1]
    assert pcneuro("batch", "resume", "results/b c")[0] == 0
    assert commands_of(folder / "results" / "b c") == [first, status, export]


def test_a_batch_of_which_all_fails_has_a_report(pcneuro, folder):
    pytest.importorskip("zarr")
    (folder / "b.toml").write_text(BATCH.replace("1.0, 2.0", "30.0, 40.0"))
    code, out, _ = pcneuro("run", "b.toml")
    assert (code, "2 failed of 2 runs" in out) == (2, True)
    page = (folder / "results" / "b" / "report.html").read_text(encoding="utf-8")
    assert '<p class="note">2 failed, the first of them run 0: ' in page


@pytest.mark.parametrize("reference", ["circuits.py:small", "x.toml"])
def test_the_command_of_a_mapping(pcneuro, folder, reference):
    given = ["map", reference, "--chip", "spinnaker2", "--rate", "0.5", "--steps", "4", "--set", "seed=3"]
    assert pcneuro(*given)[0] == 0
    (first,) = (folder / "results").iterdir()
    (command,) = commands_of(first)
    assert command == given
    assert pcneuro(*command)[0] == 0
    (second,) = set((folder / "results").iterdir()) - {first}
    assert (
        json.loads((second / "summary.json").read_text())["runs"]
        == (json.loads((first / "summary.json").read_text())["runs"])
    )


def test_show_writes_a_page(pcneuro, refused, folder):
    assert pcneuro("show", "circuits.py:small", "--html", "c.html")[0] == 0
    assert 'class="circuit"' in (folder / "c.html").read_text(encoding="utf-8")
    assert "c.html exists already" in refused("show", "circuits.py:small", "--html", "c.html")
    assert pcneuro("show", "circuits.py:small", "--html", "c.html", "--overwrite")[0] == 0
