"""Encoders that are TFLite files, as BirdNET's."""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from tempfile import TemporaryFile
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from rfcx_audio.encoders.contract import EncoderFileError
from rfcx_audio.encoders.graph_tensors import (
    by_batches,
    find_tensor,
    input_shape,
    joined,
    only_output,
)
from rfcx_audio.encoders.weights_file import WeightsFileEncoder

_OUTPUTS = 8  # where a subgraph of TFLite's schema has the offset of its outputs
_STDERR = 2
_ANNOUNCEMENT = b"INFO: Created TensorFlow Lite"
_one_at_a_time = Lock()


class _Model(NamedTuple):
    """A model in memory, whose outputs are the tensors that are wanted.

    Attributes:
        content: as of a TFLite file.
        outputs: their names.
    """

    content: bytes
    outputs: list[str]


class TFLiteEncoder(WeightsFileEncoder):
    """An encoder that is a TFLite file, run by ai-edge-litert on the CPU.

    The graph has one input, (batch, samples) or with axes of size 1 beside. Any of its tensors can
    have the features: it becomes an output of the copy in memory, which takes less time and memory
    than to keep all tensors.

    Its arguments are those of `WeightsFileEncoder`.
    """

    def compute(self, windows: np.ndarray) -> np.ndarray:
        """See `WeightsFileEncoder.compute`."""
        try:
            interpreter = self._idle.pop()
        except IndexError:
            interpreter = self._interpreter(self._model.content)
        sound = interpreter.get_input_details()[0]
        outputs = [output["index"] for output in interpreter.get_output_details()]

        def run(batch: np.ndarray) -> np.ndarray:
            interpreter.set_tensor(sound["index"], batch)
            interpreter.invoke()
            values = (interpreter.get_tensor(index) for index in outputs)
            return joined(values, self._model.outputs, self.path)

        found = by_batches(windows, tuple(sound["shape"].tolist()), run)
        self._idle.append(interpreter)
        return found

    @cached_property
    def _idle(self) -> deque[Any]:
        """Interpreters that no thread uses: one computes for one thread at a time."""
        return deque()

    @cached_property
    def _model(self) -> _Model:
        """Read when it is first used.

        Raises:
            EncoderFileError: ai-edge-litert is missing, or the file has no such tensors.
        """
        if find_spec("ai_edge_litert") is None:
            raise EncoderFileError(
                f'{self.path} needs ai-edge-litert: pip install "rfcx-audio[birdnet]"'
            )
        content = self.path.read_bytes()
        self._interpreter(content)  # which checks that it is a TFLite file
        return _with_outputs(content, self)

    def _interpreter(self, content: bytes) -> Any:  # noqa: ANN401 (of an optional package)
        """An interpreter on one core, ready for batches.

        Raises:
            EncoderFileError: the file is broken, or takes something else than windows.
        """
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 (an optional extra)

        try:
            with _silent_start():
                interpreter = Interpreter(model_content=content, num_threads=1)
                inputs = interpreter.get_input_details()
                if len(inputs) != 1 or inputs[0]["dtype"] != np.float32:
                    names = (f"{one['name']} ({one['dtype'].__name__})" for one in inputs)
                    raise EncoderFileError(
                        f"{self.path} takes {', '.join(names)}; expected one input, windows of "
                        "sound in float32"
                    )
                stated = [int(size) for size in inputs[0]["shape_signature"]]
                shape = input_shape(stated, self, self.path)
                interpreter.resize_tensor_input(inputs[0]["index"], list(shape))
                interpreter.allocate_tensors()
        except EncoderFileError:
            raise
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise EncoderFileError(
                f"{self.path} is no TFLite file that ai-edge-litert can run: {reason}"
            ) from None
        return interpreter


def _with_outputs(content: bytes, encoder: TFLiteEncoder) -> _Model:
    """A model that has the wanted tensors as its outputs, and no others.

    Args:
        content: of a TFLite file that an interpreter has read.
        encoder: whose outputs are wanted.

    Raises:
        EncoderFileError: there are no such tensors.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 (an optional extra)

    model: Any = schema.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
    names = [(tensor.Name() or b"").decode() for tensor in tensors]
    if not encoder.outputs:
        own = [names[graph.Outputs(number)] for number in range(graph.OutputsLength())]
        return _Model(content, only_output(own, encoder.path))
    computed = {
        name: number
        for number, (name, tensor) in enumerate(zip(names, tensors, strict=True))
        if number != graph.Inputs(0)
        and tensor.Type() == schema.TensorType.FLOAT32
        and tensor.ShapeLength() > 1
        and sum(tensor.Shape(axis) > 1 for axis in range(1, tensor.ShapeLength())) == 1
        and not model.Buffers(tensor.Buffer()).DataLength()  # else a constant
    }
    chosen = [find_tensor(name, computed, encoder.path) for name in encoder.outputs]
    # In a flatbuffer, a table states where its vectors begin, counted from that statement: a new
    # vector at the end of the file takes the place of the old one.
    changed = bytearray(content)
    changed += bytes(-len(changed) % 4)
    statement = graph._tab.Pos + graph._tab.Offset(_OUTPUTS)
    struct.pack_into("<I", changed, statement, len(changed) - statement)
    changed += struct.pack(f"<I{len(chosen)}i", len(chosen), *(computed[name] for name in chosen))
    return _Model(bytes(changed), chosen)


@contextmanager
def _silent_start() -> Iterator[None]:
    """Keeps the line off the screen by which TFLite announces its delegate; others pass."""
    with _one_at_a_time, TemporaryFile() as kept:
        before = os.dup(_STDERR)
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(before, _STDERR)
            kept.seek(0)
            for line in kept:
                if not line.startswith(_ANNOUNCEMENT):
                    os.write(_STDERR, line)
            os.close(before)
