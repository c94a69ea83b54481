"""A file that is put into a folder is found by itself: operators, dynamics, exporters, tasks, data sets and so on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pcneuro

FILES = {
    "batch/figures/empty.py": """
from matplotlib.figure import Figure

from pcneuro.batch.figures.abstract import AbstractPicture


class Empty(AbstractPicture):
    kind = "empty"

    @classmethod
    def fits(cls, points):
        return True

    @classmethod
    def draw(cls, points):
        return Figure()
""",
    "ops/running.py": """
import numpy as np

from pcneuro.ops.base import apply
from pcneuro.ops.contract import Contract
from pcneuro.ops.maps import Map
from pcneuro.ops.reduce import Sum
from pcneuro.ops.registry import answers, public


class Halved(Sum):
    kind = "halved"


@public
def doubled(x):
    return apply(Map("multiply"), x, 2.0)


@answers(np.cumsum)
def _cumsum(a):
    return apply(Contract("i,ij->j"), a, np.triu(np.ones(a.shape * 2)))
""",
    "model/noise/half.py": """
from pcneuro.model.noise.white import WhiteNoise


class HalfNoise(WhiteNoise):
    \"\"\"Half of it.\"\"\"
""",
    "model/plasticity/doubled_rate.py": """
from pcneuro.model.plasticity.hebbian import Hebbian


class DoubledRate(Hebbian):
    pass
""",
    "simulator/perturbations/hush.py": """
from dataclasses import dataclass

from pcneuro.simulator.perturbations.abstract import AbstractIntervention


@dataclass(frozen=True, eq=False)
class Hush(AbstractIntervention):
    vertex: str

    @property
    def place(self):
        return self.vertex

    def resolved(self, circuit, dt):
        return self

    def held(self, circuit):
        return {self.vertex: 0.25}
""",
    "simulator/protocol/every_second.py": """
from dataclasses import dataclass

from pcneuro.simulator.protocol.between import AbstractBetween


@dataclass(frozen=True)
class EverySecond(AbstractBetween):
    def restarts(self, onsets):
        return onsets[::2]
""",
    "model/lamination/schemes/flat.csv": "what,layer\nlayer,only\n",
    "model/delays/half.py": """
from pcneuro.model.delays.constant import ConstantDelay


class HalfDelay(ConstantDelay):
    pass
""",
    "model/dynamics/other.py": """
from pcneuro.model.dynamics.strict import Strict


class Other(Strict):
    pass
""",
    "model/energies/doubled_error.py": """
from pcneuro.model.energies.squared_error import SquaredError


class DoubledError(SquaredError):
    kind = "doubled_error"
""",
    "model/integrators/half_euler.py": """
from pcneuro.model.integrators.euler import Euler


class HalfEuler(Euler):
    pass
""",
    "export/echo.py": """
from pcneuro.export.reference import ReferenceTarget
from pcneuro.export.targets import AbstractTarget


class EchoTarget(AbstractTarget):
    name = "echo"

    def run(self, asked):
        return ReferenceTarget().run(asked)
""",
    "mapping/partition/all_on_one.py": """
from pcneuro.mapping.partition.natural import NaturalOrder


class AllOnOne(NaturalOrder):
    name = "all_on_one"

    def starts(self, problem, natural, cores, seed):
        yield 0 * natural
""",
    "studies/tasks/run_twice.py": """
from pcneuro.studies.tasks.run import RunTask


class RunTwiceTask(RunTask):
    kind = "run_twice"
""",
    "studies/spaces/diagonal.py": """
from dataclasses import dataclass
from typing import ClassVar

from pcneuro.studies.spaces.abstract import AbstractSpace


@dataclass(frozen=True, repr=False)
class Diagonal(AbstractSpace):
    kind: ClassVar[str] = "diagonal"
    first: int
    keys = ("seed", "samples")

    def __len__(self):
        return 3

    def values(self, number):
        self.check_number(number)
        return {"seed": self.first + number, "samples": 1 + number}

    def described(self):
        return {"kind": self.kind, "first": self.first}

    @classmethod
    def from_table(cls, table, folder):
        return cls(**table)
""",
    "data/sets/few_digits.py": """
from pcneuro.data.sets.digits import Digits


class FewDigits(Digits):
    name = "few_digits"
""",
    "mapping/chips/two_cores.toml": """
name = "two_cores"
title = "Two cores"
mesh = {width = 2, height = 1}
core = {neurons = 3}
messages = {graded = true}
""",
    "simulator/schedules/shuffled.py": """
from pcneuro.simulator.schedules.parallel import Parallel


class Shuffled(Parallel):
    pass
""",
}

SCRIPT = """
from pathlib import Path

import numpy as np
import xarray

import pcneuro as pcn
from pcneuro.model.delays.abstract import DELAYS
from pcneuro.model.noise.abstract import NOISES
from pcneuro.model.plasticity import PLASTICITY
from pcneuro.model.dynamics.abstract import DYNAMICS
from pcneuro.model.energies.abstract import ENERGIES
from pcneuro.model.integrators.abstract import INTEGRATORS
from pcneuro.data import DATASETS
from pcneuro.mapping.chips import CHIPS, chip_of
from pcneuro.ops.base import OPERATORS
from pcneuro.mapping.partition import STRATEGIES
from pcneuro.export.targets import targets
from pcneuro.simulator.schedules.abstract import SCHEDULES
import pcneuro.batch.figures
import pcneuro.studies
from pcneuro.studies.task import TASKS

assert "HalfNoise" in NOISES
assert "empty" in pcneuro.batch.figures.PICTURES
assert "all_on_one" in STRATEGIES
assert list(pcn.passes.Scheme.named("flat").layers) == ["only"]
assert "two_cores" in CHIPS and chip_of("two_cores").mesh.slots == 2
assert "HalfDelay" in DELAYS and "Other" in DYNAMICS and "doubled_error" in ENERGIES and "HalfEuler" in INTEGRATORS
assert "doubled" in pcn.ops.__all__ and "halved" in OPERATORS
assert "echo" in targets() and "run_twice" in TASKS and "few_digits" in DATASETS and "Shuffled" in SCHEDULES
graph = pcn.trace(lambda x, w: {"y": pcn.ops.doubled(np.cumsum(x * w))}, x=pcn.Input((3,)), w=pcn.Parameter(np.ones(3)))
assert "DoubledRate" in PLASTICITY
line = pcn.trace(lambda x, w: pcn.vertex(pcn.vertex(x * w, "h"), "y"), x=pcn.Input(()), w=pcn.Parameter(1.0))
pcn.build_circuit(
    line, noise={"y": NOISES["HalfNoise"](0.0)}, plasticity={"w": PLASTICITY["DoubledRate"](tau=1e6)}
).save("line.pcn")
Path("trials.toml").write_text('''
task = "protocol"
circuit = "line.pcn"
engine = {kind = "Reference"}
between = {kind = "EverySecond"}
trial = [{x = 1.0, duration = 2.0}, {x = 2.0, duration = 2.0}]
perturb = [{kind = "Hush", vertex = "h", start = 2.0}]
record = [{vertex = "h"}]
''')
pcneuro.studies.simulate(pcneuro.studies.read("trials.toml"), "out")
with xarray.open_dataset("out/records.nc") as records:
    assert records["h.value"].values.ravel()[[0, 3]].tolist() == [1.0, 0.25], records["h.value"]
sweep = 'sweep = {kind = "diagonal", first = 4}'
Path("sweep.toml").write_text('task = "run"\\nduration = 1\\ncircuit = "line.pcn"\\n' + sweep)
assert pcneuro.studies.read("sweep.toml").runs[2].swept == {"seed": 6, "samples": 3}
print(pcn.backprop(graph, {"x": np.arange(1.0, 4.0)}).values["y"][0].tolist(), pcn.__file__)
"""


def test_one_file_each_is_enough(tmp_path):
    copy = tmp_path / "pcneuro"
    shutil.copytree(Path(pcneuro.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES.items():
        (copy / name).write_text(text)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == f"[2.0, 6.0, 12.0] {copy / '__init__.py'}\n", done.stderr


def test_no_function_has_the_name_of_its_file():
    """``pcneuro.ops.softmax`` is the function; a file of that name would be a second meaning, hidden behind it."""
    files = {path.stem for path in Path(pcneuro.ops.__path__[0]).glob("*.py")}
    assert not files & set(pcneuro.ops.__all__)
