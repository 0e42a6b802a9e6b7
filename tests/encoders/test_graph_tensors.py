from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rfcx_audio.encoders import EncoderFileError
from rfcx_audio.encoders.graph_tensors import (
    by_batches,
    find_tensor,
    input_shape,
    joined,
    only_output,
)
from tiny_encoders import Levels

FILE = Path("birds.onnx")


@pytest.mark.parametrize(
    ("stated", "shape"),
    [
        (["batch", 4], (1, 4)),
        ([-1, 4], (1, 4)),
        ([None, None], (1, 4)),
        ([3, 4], (3, 4)),
        (["batch", 1, "samples"], (1, 1, 4)),
    ],
)
def test_a_batch_has_the_sizes_that_are_fixed(stated: list, shape: tuple[int, ...]) -> None:
    assert input_shape(stated, Levels(), FILE) == shape


@pytest.mark.parametrize("stated", [[4], ["batch", 5], ["batch", 2, 4], ["batch", 1]])
def test_windows_that_do_not_fit_the_input_are_refused(stated: list) -> None:
    with pytest.raises(EncoderFileError, match=r"birds\.onnx takes an input .* 2 s at 2 Hz: chan"):
        input_shape(stated, Levels(), FILE)


def test_the_whole_name_comes_before_the_end_of_a_name() -> None:
    assert find_tensor("a", ["b/a", "a", "c"], FILE) == "a"
    assert find_tensor("a", ["b/a", "c"], FILE) == "b/a"
    with pytest.raises(EncoderFileError, match=r"2 tensors whose names end with 'a'.*: b/a, c/a$"):
        find_tensor("a", ["b/a", "c/a", "d"], FILE)
    with pytest.raises(EncoderFileError, match=r"no tensor whose name ends with 'x'.* and 70 oth"):
        find_tensor("x", [f"t{number}" for number in range(100)], FILE)


def test_one_output_needs_no_name() -> None:
    assert only_output(["out"], FILE) == ["out"]
    with pytest.raises(EncoderFileError, match=r"has the outputs a, b; name that of the features"):
        only_output(["a", "b"], FILE)


@pytest.mark.parametrize("size", [1, 3, 7, 10])
def test_windows_in_batches_give_what_each_gives_alone(size: int) -> None:
    windows = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    shapes = []

    def run(batch: np.ndarray) -> np.ndarray:
        shapes.append(batch.shape)
        return batch.reshape(size, 4)[:, :2]

    np.testing.assert_array_equal(by_batches(windows, (size, 1, 4), run), windows[:, :2])
    assert set(shapes) == {(size, 1, 4)}


def test_tensors_are_joined_if_each_is_a_vector_a_window() -> None:
    first, second = np.ones((2, 3)), np.zeros((2, 1, 1, 2))
    found = joined([first, second], ["a", "b"], FILE)
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 1, 1, 0, 0]] * 2
    for shape in [(2,), (2, 3, 2)]:
        with pytest.raises(EncoderFileError, match=r"the tensor b of birds\.onnx has the shape"):
            joined([first, np.zeros(shape)], ["a", "b"], FILE)
