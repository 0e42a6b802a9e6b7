"""A small TFLite file, written with the schema of ai-edge-litert."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def write_tflite(path: Path, weights: np.ndarray, *, dtype: int | None = None) -> Path:
    """`sound` (1, samples) to `block/relu` (1, features) to `head/tanh` (1, features).

    Args:
        path: of the file.
        weights: (features, samples) of the linear layer before the first.
        dtype: of the input, float32 if not given.
    """
    features, samples = weights.shape
    names_and_shapes = [
        ("sound", (1, samples)),
        ("block/weights", (features, samples)),
        ("block/relu", (1, features)),
        ("head/tanh", (1, features)),
    ]
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor(name, shape, number) for number, (name, shape) in enumerate(names_and_shapes)
    ]
    graph.tensors[0].shapeSignature = [-1, samples]
    if dtype is not None:
        graph.tensors[0].type = dtype
    graph.inputs, graph.outputs = [0], [3]
    linear = schema.FullyConnectedOptionsT()
    linear.fusedActivationFunction = schema.ActivationFunctionType.RELU
    graph.operators = [_operator(0, [0, 1, -1], [2]), _operator(1, [2], [3])]
    graph.operators[0].builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    graph.operators[0].builtinOptions = linear
    model = schema.ModelT()
    model.version, model.subgraphs = 3, [graph]
    model.operatorCodes = [
        _code(schema.BuiltinOperator.FULLY_CONNECTED),
        _code(schema.BuiltinOperator.TANH),
    ]
    model.buffers = [schema.BufferT() for _ in names_and_shapes]
    model.buffers[1].data = np.frombuffer(weights.astype("<f4").tobytes(), np.uint8)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _tensor(name: str, shape: tuple[int, ...], buffer: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
    tensor.type = schema.TensorType.FLOAT32
    return tensor


def _operator(code: int, inputs: list[int], outputs: list[int]) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    return operator


def _code(builtin: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    return code
