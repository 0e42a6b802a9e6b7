"""Typos get suggestions, and impossible combinations are refused before data is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from preloaded import run_module
from quick import SECONDS
from rfcx_audio.config import CONF_DIR, ConfigError, config_text, load_config, suggestions
from rfcx_audio.experiment import train_run
from trust.fuzz import damaged_text, lost
from trust.ledger import Tally, brief_or_long

PART = "Bad tables and configurations"


def keys(node: object, above: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    return [
        dotted
        for key, value in node.items()
        for dotted in (f"{above}{key}", *keys(value, f"{above}{key}."))
    ]


def with_a_typo(word: str, rng: np.random.Generator) -> str:
    """One letter of the last part lost, doubled, changed or moved."""
    head, dot, last = word.rpartition(".")
    at = int(rng.integers(len(last)))
    typos = [
        last[:at] + last[at + 1 :],
        last[:at] + last[at] + last[at:],
        last[:at] + "x" + last[at + 1 :],
        last[:at] + last[at : at + 2][::-1] + last[at + 2 :],
    ]
    return head + dot + typos[rng.integers(len(typos))]


@pytest.mark.promise(PART, "a mistyped key or option is answered with the one that was meant")
def test_a_mistyped_key_is_answered(tally: Tally) -> None:
    rng = np.random.default_rng(0)
    known = keys(OmegaConf.to_container(load_config("train")))
    # A key of two letters has too little left after a typo.
    long = [key for key in known if len(key.rpartition(".")[2]) > 3]
    for _ in range(brief_or_long(1, 20)):
        typos = {with_a_typo(key, rng): key for key in long}
        typos = {typo: key for typo, key in typos.items() if typo not in known}
        answers = suggestions("train", [f"{typo}=1" for typo in typos])
        lines = {line.split(" does not exist")[0]: line for line in answers}
        for typo, key in typos.items():
            line = lines.get(typo, "")
            tally.case(key in line.replace("?", ",").replace(",", "").split(), f"{key}: {line}")


@pytest.mark.promise(PART, "a mistyped key or option is answered with the one that was meant")
def test_a_mistyped_option_is_answered(tally: Tally) -> None:
    rng = np.random.default_rng(0)
    meant = {}
    for path in sorted(CONF_DIR.rglob("*/*.yaml")):
        group = path.parent.relative_to(CONF_DIR).as_posix()
        typo = with_a_typo(path.stem, rng)
        if typo and not path.with_stem(typo).exists():
            meant[f"{group}={typo}"] = f"{group}={path.stem}"
    answers = {line.split(" does not exist")[0]: line for line in suggestions("train", [*meant])}
    for typo, option in meant.items():
        tally.case(option in answers.get(typo, ""), f"{typo}: {answers.get(typo)}")


@pytest.mark.promise(PART, "a mistyped key or option is answered with the one that was meant")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "word", "meant"),
    [
        ("train", "loss=masked_bc", "loss=masked_bce"),
        ("predict", "chekpoint=a", "checkpoint"),
    ],
)
def test_commands_answer_typos(command: str, word: str, meant: str, tmp_path: Path) -> None:
    done = run_module(f"rfcx_audio.{command}", word, f"hydra.run.dir={tmp_path}", cwd=tmp_path)
    assert done.returncode == 1
    assert f"did you mean {meant}" in done.stderr.splitlines()[-1]


@pytest.mark.promise(PART, "words on a command line compose, or are refused with the reason")
def test_any_words(tally: Tally) -> None:
    words = [
        *(
            b"model=tiny",
            b"loss=bce",
            b"data.crops.tp_share=0.7",
            b"~augment.spectrogram.time_mask",
        ),
        *(b"trainer.max_epochs=3", b"+trainer.max_steps=4", b"loss@loss.loss=masked_focal"),
        *(b"data.source.recipe.call_gap_s=[3.0,20.0]", b"experiment=squeezed", b"seed=1,2"),
        *(b"first_stage={data.seed: 3, loss.beta: 1.0}", b"resume='a b.ckpt'", b"~loss", b"data=1"),
    ]

    def attempt(rng: np.random.Generator) -> None:
        word = damaged_text(words[rng.integers(len(words))], rng).decode(errors="replace")
        config_text(load_config("train", ["paths.output_dir=x", word]))

    tries = brief_or_long(10, 600)
    tally.cases(tries, lost(attempt, (ConfigError,), tries))


IMPOSSIBLE = [
    "data.sample_rate=16000",
    "data.crop_duration_s=0.01",
    "model.head.num_species=3",
    "data.reader.channel=left",
    "frontend.n_mels=16",
    "loss=lsoft_a loss.beta=2",
    "data.sample_rate=0",
    "data.sample_rate=-48000",
    "data.crop_duration_s=0",
    "data.crop_duration_s=-1",
    "data.crops.tp_share=1.5",
    "data.crops.min_overlap=0",
    "data.crops.frame_s=10",
    "data.crops.supervision=people",
    "data.folds.held_out=5",
    "data.reader.channel=-1",
    "data.source.missing_audio=ignore",
    "data.num_species=0",
    "data.num_species=many",
    "frontend.n_mels=0",
    "frontend.n_mels=4000",
    "frontend.n_fft=64",
    "frontend.hop_length=0",
    "frontend.f_min=20000",
    "frontend.f_max=30000",
    "frontend.scaling=loud",
    "frontend.mel_scale=bark",
    "model.encoder.name=resnet11",
    "model.encoder.in_chans=3",
    "model.norm.num_bands=64",
    "loss=clip_and_frame loss.clip_weight=0 loss.frame_weight=0",
    "method.ema_decay=2",
    "method=co_teaching method.tau=1",
    "method=co_teaching method.select=row",
    "method=co_teaching method.model.second=null",
    "model=class_bands_crop",
    "inference.overlap=1",
    "trainer.max_epochs=-5",
    "trainer.precision=8",
    "augment=background",
    "data.folds.num_folds=1",
    "data.batch_size=0",
    "data.num_workers=-1",
    "loss.unknown_weight=2",
    "loss=lsoft_a loss.teacher=ema",
    "method.reduction=mean",
    "method=co_teaching loss=masked_bce",
    "method=frequency_filtering",
    "inference.pool=median",
    "inference.duration_s=0",
    "optimizer.lr=-1",
    "scheduler.warmup=2",
    "augment.waveform.mixup.probability=2",
    "augment.spectrogram.time_mask.max_share=-1",
]
"""Combinations that cannot be trained, each by itself; the first ones are always tried."""


def is_refused_before_data(words: str, folder: Path) -> bool:
    root = folder / "no_such_folder"
    more = ["data=rfcx", f"data.root={root}", f"paths.output_dir={folder}", *SECONDS]
    try:
        train_run(load_config("train", [*more, *words.split()]))
    except Exception as error:  # noqa: BLE001 (other tests check its type)
        return root.name not in str(error)
    return False


@pytest.mark.promise(PART, "an impossible combination is refused before data is read")
def test_an_impossible_combination_is_refused(tmp_path: Path, tally: Tally) -> None:
    for words in IMPOSSIBLE[: brief_or_long(6, len(IMPOSSIBLE))]:
        tally.case(is_refused_before_data(words, tmp_path), words)
    assert not is_refused_before_data("loss=bce", tmp_path)
