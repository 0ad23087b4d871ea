"""ONNX Runtime sessions: the provider that is really in use is looked up, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yipyap_core.domain.engines import Device
from yipyap_core.engines.devices import NO_DRIVER, Place, cores, has_cuda_driver
from yipyap_core.engines.onnx_int8 import StaysExact, in_eight_bits
from yipyap_core.errors import CheckpointRejected

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
ONLY_FATAL = 4


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A session with one input and one output."""

    session: Any
    place: Place
    precision: str = "fp32"
    precision_reason: str = ""
    """Why it is not the 8 bits that were asked for; empty when it is."""

    @property
    def provider(self) -> str:
        """The first provider of the session, which runs what it can."""
        return str(self.session.get_providers()[0])

    @property
    def input_shape(self) -> list[Any]:
        """As the graph declares it; names or None where it is free."""
        return list(self.session.get_inputs()[0].shape)

    @property
    def output_shape(self) -> list[Any]:
        """The same of its one output."""
        return list(self.session.get_outputs()[0].shape)

    def run(self, values: Any) -> Any:
        """One batch."""
        (output,) = self.session.run(None, {self.session.get_inputs()[0].name: values})
        return output


def open_onnx(path: Path, wanted: Device, *, quick: bool = False) -> OnnxModel:
    """Load a graph; raises `CheckpointRejected`.

    `quick` computes large products in 8 bits where the CPU runs it; a graph that cannot be
    computed so is loaded as it is, and the model says why.
    """
    import onnxruntime as ort

    ort.set_default_logger_severity(ONLY_FATAL)
    providers = _providers(ort, wanted)
    reason = ""
    if quick and providers == [CPU]:
        try:
            session = _quick_session(ort, path)
            return OnnxModel(session, _place(session, wanted), "int8")
        except StaysExact as error:
            reason = str(error)
    try:
        session = _session(ort, str(path), providers)
    except Exception as error:
        if _is_of_runtime(error):
            raise CheckpointRejected(f"{path.name} is no graph that can be loaded.") from error
        raise
    return OnnxModel(session, _place(session, wanted), "fp32", reason)


def _quick_session(ort: Any, path: Path) -> Any:
    """A session over the rewritten graph; raises `StaysExact`."""
    graph = in_eight_bits(path)
    try:
        return _session(ort, graph, [CPU])
    except Exception as error:
        if _is_of_runtime(error):
            raise StaysExact("ONNX Runtime does not load it in 8 bits.") from error
        raise


def _session(ort: Any, graph: str | bytes, providers: list[str]) -> Any:
    return ort.InferenceSession(graph, _options(ort), providers=providers)


def _is_of_runtime(error: Exception) -> bool:
    """ONNX Runtime's errors share no base of their own."""
    return type(error).__module__.startswith("onnxruntime")


def _options(ort: Any) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _providers(ort: Any, wanted: Device) -> list[str]:
    if wanted is Device.CPU or not has_cuda_driver():
        return [CPU]
    if CUDA in ort.get_available_providers():
        ort.preload_dlls()
    return [CUDA, CPU]


def _place(session: Any, wanted: Device) -> Place:
    if session.get_providers()[0] == CUDA:
        return Place("cuda")
    if wanted is Device.CPU:
        return Place("cpu")
    if not has_cuda_driver():
        return Place("cpu", NO_DRIVER)
    return Place("cpu", "ONNX Runtime could not use its CUDA provider.")
