"""An ONNX graph whose large products are computed in 8 bits, in half the time on a CPU.

ONNX Runtime's own quantizer rewrites it in memory at each load; nothing is kept beside the model.
Each product with a constant matrix gets a scale for each column, the other side is quantized as it
comes. The first layers and the last one stay in fp32: errors of the first grow on the way, those
of the last are the scores'. Both together cost little, and most of what changed tags.
"""

from __future__ import annotations

import ctypes
import io
from contextlib import suppress
from pathlib import Path
from typing import Any

from yipyap_core.engines.devices import signed_products_saturate

SMALLEST = 64
"""Products with a smaller matrix are not worth it."""
FIRST_EXACT, LAST_EXACT = 4, 1
"""Products at both ends that stay as they are; four are one block of a transformer."""


class StaysExact(Exception):
    """The graph cannot be computed in 8 bits; the text says why."""


def in_eight_bits(path: Path) -> bytes:
    """The graph with its inner products replaced; raises `StaysExact`."""
    import onnx
    from google.protobuf.message import Error as UnreadableMessage

    try:
        return _quantized(onnx.load(path, load_external_data=False))
    except (UnreadableMessage, onnx.checker.ValidationError) as error:
        raise StaysExact("The file could not be read as a graph.") from error
    except OSError as error:
        raise StaysExact(f"Temporary files could not be written: {error.strerror}.") from error
    except (RuntimeError, ValueError, KeyError, AssertionError) as error:
        raise StaysExact(f"The quantizer of ONNX Runtime refused it: {error}") from error
    finally:
        _give_back()


def _quantized(model: Any) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.onnx_model import ONNXModel

    _check_within(model)
    ONNXModel(model).replace_gemm_with_matmul()
    products = _products(model.graph)[FIRST_EXACT:-LAST_EXACT]
    if not products:
        raise StaysExact("It has too few large products with constant matrices.")
    target = io.BytesIO()
    quantize_dynamic(
        model,
        target,
        op_types_to_quantize=["MatMul"],
        nodes_to_quantize=products,
        per_channel=True,
        weight_type=QuantType.QUInt8 if signed_products_saturate() else QuantType.QInt8,
    )
    return target.getvalue()


def _check_within(model: Any) -> None:
    """The quantizer reads one file, which protocol buffers limit to 2 GB."""
    from onnx.external_data_helper import uses_external_data

    if any(uses_external_data(tensor) for tensor in model.graph.initializer):
        raise StaysExact("Its weights lie in files of their own.")


def _give_back() -> None:
    """Return to the system what was freed: the allocator would keep three times the model."""
    with suppress(OSError, AttributeError):  # only glibc has the call
        ctypes.CDLL(None).malloc_trim(0)


def _products(graph: Any) -> list[str]:
    """Names of the large products in order, which are given here, for they need not have any."""
    import onnx

    large = {
        tensor.name
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
        and len(tensor.dims) == 2
        and min(tensor.dims) >= SMALLEST
    }
    found = []
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in large:
            node.name = node.output[0]
            found.append(node.name)
    return found
