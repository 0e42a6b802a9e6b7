"""Encoders that are ONNX files."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from rfcx_audio.encoders.contract import EncoderFileError
from rfcx_audio.encoders.weights_file import (
    WeightsFileEncoder,
    by_batches,
    find_tensor,
    input_shape,
    joined,
    only_output,
)


class _Graph(NamedTuple):
    """A session, and what is asked of it.

    Attributes:
        session: of onnxruntime, which several threads may use at once.
        outputs: names of the tensors that are joined to the features.
        input: name of the tensor that takes the windows.
        shape: of that tensor for a batch; its first size is the batch.
    """

    session: Any
    outputs: list[str]
    input: str
    shape: tuple[int, ...]


class OnnxEncoder(WeightsFileEncoder):
    """An encoder that is an ONNX file, run by onnxruntime on the CPU.

    The graph has one input, (batch, samples) or with axes of size 1 beside; its batch may be of a
    fixed size. An output in the middle of the graph needs the package onnx.

    Its arguments are those of `WeightsFileEncoder`.
    """

    def compute(self, windows: np.ndarray) -> np.ndarray:
        """See `WeightsFileEncoder.compute`."""
        graph = self._graph

        def run(batch: np.ndarray) -> np.ndarray:
            values = graph.session.run(graph.outputs, {graph.input: batch})
            return joined(values, graph.outputs, self.path)

        return by_batches(windows, graph.shape, run)

    @cached_property
    def _graph(self) -> _Graph:
        """Opened when it is first used.

        Raises:
            EncoderFileError: onnxruntime is missing, or it is no graph of windows to features.
        """
        if find_spec("onnxruntime") is None:
            raise EncoderFileError(
                f'{self.path} needs onnxruntime: pip install "rfcx-audio[export]"'
            )
        session = self._session(str(self.path))
        outputs = [output.name for output in session.get_outputs()]
        if any(wanted not in outputs for wanted in self.outputs):
            session, outputs = self._with_inner_outputs()
        chosen = (
            [find_tensor(name, outputs, self.path) for name in self.outputs]
            if self.outputs
            else only_output(outputs, self.path)
        )
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise EncoderFileError(
                f"{self.path} takes {', '.join(f'{one.name} ({one.type})' for one in inputs)}; "
                "expected one input, windows of sound in float32"
            )
        return _Graph(session, chosen, inputs[0].name, input_shape(inputs[0].shape, self))

    def _with_inner_outputs(self) -> tuple[Any, list[str]]:
        """A session of the same graph that gives the wanted tensors too, and all its outputs.

        Raises:
            EncoderFileError: onnx is missing, or the graph has no such tensors.
        """
        if find_spec("onnx") is None:
            raise EncoderFileError(
                f"{', '.join(self.outputs)} among the inner tensors of {self.path} needs onnx: "
                'pip install "rfcx-audio[export]"'
            )
        import onnx  # noqa: PLC0415 (an optional extra)

        model = onnx.load(self.path)
        inner = dict.fromkeys(name for node in model.graph.node for name in node.output if name)
        own = [output.name for output in model.graph.output]
        for wanted in self.outputs:
            name = find_tensor(wanted, [*dict.fromkeys([*inner, *own])], self.path)
            if name not in own:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
                own.append(name)
        return self._session(model.SerializeToString()), own

    def _session(self, model: str | bytes) -> Any:  # noqa: ANN401 (of an optional package)
        """A session on one core, of a path or of a serialised model.

        Raises:
            EncoderFileError: onnxruntime cannot read it.
        """
        import onnxruntime  # noqa: PLC0415 (an optional extra)
        from onnxruntime.capi import onnxruntime_pybind11_state as errors  # noqa: PLC0415

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors: its advice is for those who make such files
        broken = (
            *(errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf),
            *(errors.NotImplemented, errors.RuntimeException),
        )
        try:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except broken as error:
            reason = str(error).splitlines()[0]
            raise EncoderFileError(
                f"{self.path} is no ONNX file that onnxruntime can run: {reason}"
            ) from None
