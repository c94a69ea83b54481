"""``pcneuro audit``."""

import json

import pcneuro as pcn

FOLDED = """
import numpy as np
import pcneuro as pcn

def folded():
    rng = np.random.default_rng(0)
    leaves = {"W": pcn.Parameter(rng.normal(size=(3, 3))), "V": pcn.Parameter(rng.normal(size=(3, 2)))}
    return pcn.build_circuit(pcn.trace(lambda x, W, V: pcn.vertex(x @ W @ V, "y"), x=pcn.Input((3,)), **leaves))
"""


def test_audit_takes_a_function_and_a_file_and_writes_json(pcneuro, refused, folder):
    for reference in ("circuits.py:small", "x.toml"):
        code, out, err = pcneuro("audit", reference)
        assert (code, err) == (0, "")
        assert "every update is local" in out
    assert pcneuro("audit", "circuits.py:small", "--json", "a.json", "--dynamics", "Strict")[0] == 0
    facts = json.loads((folder / "a.json").read_text())
    assert (facts["local"], facts["dynamics"]) == (True, "Strict")
    assert pcn.Audit.from_json((folder / "a.json").read_text()).local
    assert refused("audit", "circuits.py:small", "--json", "a.json").startswith("a.json exists already")
    assert pcneuro("audit", "circuits.py:small", "--json", "a.json", "--overwrite")[0] == 0


def test_what_is_not_local_is_code_one(pcneuro, folder):
    (folder / "folded.py").write_text(FOLDED)
    code, out, err = pcneuro("audit", "folded.py:folded")
    assert code == 1
    assert "W reads V" in out
    assert err == "pcneuro: the update of W is not local: see the table\n"


def test_without_interventions_structure_alone_decides(pcneuro, folder):
    assert pcneuro("audit", "circuits.py:small", "--interventions", "0")[0] == 0


def test_audit_says_what_is_wrong(refused):
    assert refused("audit", "circuits.py:smal").startswith("circuits.py:smal: circuits.py has no function 'smal'")
    assert refused("audit", "circuits.py:small", "--dynamics", "Lax").startswith("unknown dynamics 'Lax'")
    assert "--seed" in refused("audit", "circuits.py:small", "--seed", "-1")
    assert refused("audit", "circuits.py:small", "--seed", "99999999999").startswith("seed is 99999999999")
