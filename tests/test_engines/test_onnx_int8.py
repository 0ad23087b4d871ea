"""Graphs in 8 bits: answers stay near; what cannot be so stays exact and says why."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.standins.tiny_models.onnx_writer import Node, onnx_model
from tests.standins.tiny_models.wdv3 import wdv3_files
from yipyap_core.domain.engines import CpuPrecision, Device
from yipyap_core.engines import devices
from yipyap_core.engines.onnx import open_onnx
from yipyap_core.engines.onnx_int8 import FIRST_EXACT, LAST_EXACT, StaysExact, in_eight_bits
from yipyap_core.errors import CheckpointRejected

SOURCE = np.random.default_rng(7)
WIDTH, TAGS = 96, 80
Array = np.ndarray[Any, Any]
MATRICES = [
    SOURCE.standard_normal((WIDTH, WIDTH), dtype=np.float32) * np.float32(WIDTH**-0.5)
    for _ in range(8)
]
HEAD = SOURCE.standard_normal((WIDTH, TAGS), dtype=np.float32) * np.float32(WIDTH**-0.5)


def layers(count: int = len(MATRICES)) -> tuple[list[Node], dict[str, Array]]:
    """Products and curves by turns, without names, and the last one."""
    nodes, value = [], "input"
    for at in range(count):
        nodes += [Node("MatMul", [value, f"w{at}"], f"p{at}"), Node("Tanh", [f"p{at}"], f"t{at}")]
        value = f"t{at}"
    nodes += [Node("MatMul", [value, "head"], "logits"), Node("Sigmoid", ["logits"], "output")]
    matrices = {f"w{at}": one for at, one in enumerate(MATRICES[:count])}
    return nodes, {**matrices, "head": HEAD}


def written(folder: Path, nodes: Sequence[Node], constants: dict[str, Array]) -> Path:
    path = folder / "model.onnx"
    data = onnx_model(nodes, constants, ("input", ["n", WIDTH]), ("output", ["n", TAGS]))
    path.write_bytes(data)
    return path


def pictures(count: int = 5) -> Array:
    return SOURCE.standard_normal((count, WIDTH), dtype=np.float32)


def operators(graph: bytes) -> list[str]:
    import onnx

    return [node.op_type for node in onnx.load_from_string(graph).graph.node]


def test_answers_stay_near_and_the_model_says_its_precision(tmp_path: Path) -> None:
    path = written(tmp_path, *layers())
    values = pictures()
    exact = open_onnx(path, Device.CPU)
    quick = open_onnx(path, Device.CPU, quick=True)
    assert (exact.precision, quick.precision) == ("fp32", "int8")
    assert exact.precision_reason == quick.precision_reason == ""
    change = np.abs(exact.run(values) - quick.run(values)).max()
    assert 0 < change < 0.02


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"sse4_2", "avx2"}, "UINT8"),
        ({"avx2", "avx512f"}, "UINT8"),
        ({"avx2", "avx_vnni"}, "INT8"),
        ({"avx512f", "avx512_vnni"}, "INT8"),
        (set(), "INT8"),  # no x86
    ],
)
def test_weights_are_signed_where_their_products_do_not_overflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: set[str], kind: str
) -> None:
    import onnx

    monkeypatch.setattr(devices, "_cpu_flags", lambda: frozenset(flags))
    graph = onnx.load_from_string(in_eight_bits(written(tmp_path, *layers()))).graph
    (weights,) = (one for one in graph.initializer if one.name == "w6_quantized")
    assert weights.data_type == onnx.TensorProto.DataType.Value(kind)


def test_exact_is_what_the_graph_says(tmp_path: Path) -> None:
    values = pictures()
    told = values
    for matrix in MATRICES:
        told = np.tanh(told @ matrix)
    told = 1 / (1 + np.exp(-(told @ HEAD)))
    assert np.allclose(open_onnx(written(tmp_path, *layers()), Device.CPU).run(values), told, 1e-5)


def test_both_ends_stay_as_they_are(tmp_path: Path) -> None:
    kinds = operators(in_eight_bits(written(tmp_path, *layers())))
    assert kinds.count("MatMul") == FIRST_EXACT + LAST_EXACT
    assert kinds.count("MatMulInteger") == len(MATRICES) - FIRST_EXACT


def test_the_rewritten_graph_is_smaller_and_nothing_lies_beside_the_model(tmp_path: Path) -> None:
    path = written(tmp_path, *layers())
    before = path.read_bytes()
    assert len(in_eight_bits(path)) < 0.8 * len(before)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == before


def test_a_product_with_a_bias_counts_too(tmp_path: Path) -> None:
    nodes, constants = layers()
    at = next(at for at, node in enumerate(nodes) if node.output == "p5")
    nodes[at] = Node("Gemm", ["t4", "w5", "bias"], "p5", {"transB": 1})
    constants["bias"] = np.ones(WIDTH, np.float32)
    path = written(tmp_path, nodes, constants)
    assert operators(in_eight_bits(path)).count("MatMulInteger") == len(MATRICES) - FIRST_EXACT
    values = pictures()
    exact, quick = (open_onnx(path, Device.CPU, quick=how).run(values) for how in (False, True))
    assert np.abs(exact - quick).max() < 0.02


def test_a_matrix_that_is_needed_as_it_was_stays(tmp_path: Path) -> None:
    nodes, constants = layers()
    nodes[-1:] = [
        Node("ReduceSum", ["w5"], "s", {"keepdims": 0}),
        Node("Add", ["logits", "s"], "sum"),
        Node("Sigmoid", ["sum"], "output"),
    ]
    path = written(tmp_path, nodes, constants)
    values = pictures()
    exact, quick = (open_onnx(path, Device.CPU, quick=how) for how in (False, True))
    assert quick.precision == "int8"
    assert np.abs(exact.run(values) - quick.run(values)).max() < 0.02


def test_a_column_of_zeros_is_no_division_by_zero(tmp_path: Path) -> None:
    nodes, constants = layers()
    constants["w6"] = constants["w6"].copy()
    constants["w6"][:, 3] = 0
    answer = open_onnx(written(tmp_path, nodes, constants), Device.CPU, quick=True).run(pictures())
    assert np.isfinite(answer).all()


def test_a_graph_without_large_products_stays_exact_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(wdv3_files(seed=1)["model.onnx"])
    model = open_onnx(path, Device.CPU, quick=True)
    assert model.precision == "fp32"
    assert model.precision_reason == "It has too few large products with constant matrices."


def test_a_graph_of_the_ends_alone_stays_exact(tmp_path: Path) -> None:
    path = written(tmp_path, *layers(FIRST_EXACT))
    assert open_onnx(path, Device.CPU, quick=True).precision == "fp32"


def test_weights_in_other_files_stay_exact_and_say_why(tmp_path: Path) -> None:
    import onnx

    path = written(tmp_path, *layers())
    onnx.save_model(
        onnx.load(path),
        str(path),
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    model = open_onnx(path, Device.CPU, quick=True)
    assert model.precision == "fp32"
    assert model.precision_reason == "Its weights lie in files of their own."
    assert model.run(pictures()).shape == (5, TAGS)


def test_an_operator_that_nobody_knows_the_type_of_is_refused_by_name(tmp_path: Path) -> None:
    nodes, constants = layers()
    nodes[9] = Node("Unheard", ["p4"], "t4")
    with pytest.raises(StaysExact, match="refused it"):
        in_eight_bits(written(tmp_path, nodes, constants))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 3000))
def test_what_is_no_graph_raises_one_kind_of_error(tmp_path: Path, noise: bytes, cut: int) -> None:
    path = written(tmp_path, *layers(2))
    whole = path.read_bytes()
    for data in (noise, whole[:cut], noise + whole):
        path.write_bytes(data)
        with pytest.raises(StaysExact):
            in_eight_bits(path)


def test_a_damaged_file_is_refused_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"damaged")
    with pytest.raises(CheckpointRejected):
        open_onnx(path, Device.CPU, quick=True)


def test_only_quick_imports_the_quantizer_and_nothing_imports_torch(tmp_path: Path) -> None:
    path = written(tmp_path, *layers())
    script = (
        "import sys; from pathlib import Path\n"
        "from yipyap_core.domain.engines import Device\n"
        "from yipyap_core.engines.onnx import open_onnx\n"
        f"open_onnx(Path({str(path)!r}), Device.CPU, quick=sys.argv[1] == 'quick')\n"
        "print(*(one for one in ('onnx', 'torch', 'sympy') if one in sys.modules))"
    )
    for how, imported in (("exact", ""), ("quick", "onnx")):
        command = [sys.executable, "-c", script, how]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        assert answer.stdout.strip() == imported


def test_the_setting_is_no_part_of_what_is_loaded() -> None:
    from tests.test_engines.pools import puppet
    from yipyap_core.domain.engines import LoadPlan

    plan = puppet()
    quick = LoadPlan.from_json({**plan.as_json(), "cpu_precision": "quick"})
    assert quick.cpu_precision is CpuPrecision.QUICK
    assert quick.key == plan.key
