"""Other people's models as graphs: PyTorch modules and ONNX files, with the names of their parameters and the way back.

Each library's operators are a table of NumPy functions, and the program that calls them is traced by ``pcn.trace``, as
any other function is. The libraries are imported where they are used; the extra ``importing`` brings them.
"""

from pcneuro.importing.onnx_model import OnnxModel, onnx
from pcneuro.importing.torch_model import TorchModel, torch

__all__ = ["OnnxModel", "TorchModel", "onnx", "torch"]
