from __future__ import annotations

import pytest
import torch

from rfcx_audio.frontend import LogMel


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_on_a_gpu_under_autocast_it_equals_the_cpu(dtype: torch.dtype) -> None:
    frontend = LogMel(8000, n_fft=512, hop_length=256, n_mels=32, f_min=50.0, f_max=3800.0)
    waveform = torch.rand(2, 16_000, generator=torch.Generator().manual_seed(0)) - 0.5
    expected = frontend(waveform)
    with torch.autocast("cuda", dtype=dtype):
        actual = frontend.to("cuda")(waveform.to("cuda"))
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-4)
