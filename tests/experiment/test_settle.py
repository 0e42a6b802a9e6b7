from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from rfcx_audio.config import build, config_text, load_config
from rfcx_audio.data import AnnotationError
from rfcx_audio.experiment import settle
from rfcx_audio.experiment.settle import provisional
from rfcx_audio.model import ClassBandDetector


def table_folder(root: Path, rate: int, rows: list[tuple[str, float, float]]) -> Path:
    """Four recordings with noise, and the same rows (species, f_min, f_max) in each."""
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    lines = []
    for name in "abcd":
        soundfile.write(root / f"{name}.wav", 0.1 * rng.standard_normal(6 * rate), rate)
        lines += [
            f"{name}.wav,{species},{n},{n + 0.5},{low},{high}"
            for n, (species, low, high) in enumerate(rows)
        ]
    header = "recording,species,t_min,t_max,f_min,f_max"
    (root / "labels.csv").write_text("\n".join([header, *lines]) + "\n")
    return root


def words(root: Path, out: Path, *more: str) -> list[str]:
    return ["data=table", f"data.root={root}", f"paths.output_dir={out}", *more]


def test_species_bands_and_range_are_those_of_the_tables(tmp_path: Path, caplog) -> None:
    rows = [("Río frog", 500.0, 900.0), ("Río frog", 520.0, 880.0), ("Owl: small", 2e3, 3e3)]
    root = table_folder(tmp_path / "own", 16_000, rows)
    (root / "species.csv").write_text(
        "species,species_id,scientific_name\nOwl: small,0,Otus minimus\nRío frog,1,\nWren,2,\n"
    )
    before = config_text(load_config("train", words(root, tmp_path)))
    with caplog.at_level("INFO"):
        config = settle(
            load_config(
                "train", words(root, tmp_path, "experiment=best", "model.encoder.pretrained=false")
            )
        )
    data = config.data
    assert list(data.species) == ["Owl: small", "Río frog", "Wren"]
    assert dict(data.other_names) == {"Owl: small": {"scientific_name": "Otus minimus"}}
    assert (data.num_species, data.sample_rate) == (3, 16_000)
    assert (data.f_min, data.f_max) == (60.0, 8000.0)
    bands = pd.DataFrame([dict(one) for one in data.templates]).set_index("species_id")
    assert bands.loc[1, ["f_min", "f_max"]].tolist() == pytest.approx([500, 900], abs=2)
    assert bands.loc[2, ["f_min", "f_max"]].tolist() == [60.0, 8000.0]
    assert (config.frontend.n_fft, config.frontend.hop_length) == (1024, 341)
    for line in ("3 species: Owl: small", "sample rate 16000 Hz", "no confirmed row: Wren"):
        assert line in caplog.text
    assert "no row with frequencies, and get the whole band: Wren" in caplog.text
    detector = build(config.model)
    assert isinstance(detector, ClassBandDetector)
    assert detector.head.linear.out_features == 3  # pyright: ignore[reportAttributeAccessIssue]
    assert settle(config) is config
    assert config_text(load_config("train", words(root, tmp_path))) == before


@pytest.mark.parametrize("species", [1, 2, 300])
def test_any_number_of_species_has_its_model(tmp_path: Path, species: int) -> None:
    rows = [(f"Bird {n}", 500.0 + n, 900.0 + n) for n in range(species)]
    root = table_folder(tmp_path / "own", 32_000, [])
    lines = [f"a.wav,{name},0,1,{low},{high}" for name, low, high in rows]
    (root / "labels.csv").write_text(
        "recording,species,t_min,t_max,f_min,f_max\n" + "\n".join(lines)
    )
    config = settle(load_config("train", words(root, tmp_path, "experiment=best", "scale=laptop")))
    frontend, detector = build(config.frontend), build(config.model)
    waveform = np.zeros(32_000 * 6, dtype=np.float32)[None]
    logits = detector.eval()(frontend(torch.from_numpy(waveform)))
    assert logits.clip.shape == (1, species)


def test_ultrasound_is_read_at_a_rate_that_holds_it(tmp_path: Path) -> None:
    root = table_folder(tmp_path / "bats", 384_000, [("Bat", 42e3, 82e3)])
    config = settle(load_config("train", words(root, tmp_path)))
    assert (config.data.sample_rate, config.data.f_min, config.data.f_max) == (192_000, 28e3, 9e4)
    assert build(config.frontend).f_min == 28_000.0
    given = settle(load_config("train", words(root, tmp_path, "data.sample_rate=48000")))
    assert given.data.f_max == 24_000.0


def test_recordings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    root = table_folder(tmp_path / "own", 16_000, [("Owl", 500.0, 900.0)])
    for path in root.glob("*.wav"):
        path.write_bytes(b"RIFF")
    with pytest.raises(
        AnnotationError, match=r"4 of 4 audio files in .*own cannot be read \('a': "
    ):
        settle(load_config("train", words(root, tmp_path)))
    (tmp_path / "empty").mkdir()
    elsewhere = f"data.source.audio={tmp_path}/empty"
    with pytest.raises(AnnotationError, match=r"audio file in .*empty; set data\.source\.audio"):
        settle(load_config("train", words(root, tmp_path, elsewhere)))


def test_names_that_are_numbers_of_a_larger_list_are_the_only_species(tmp_path: Path) -> None:
    rows = [("500207", 500.0, 900.0), ("s9", 2e3, 3e3), ("80", 4e3, 5e3)]
    root = table_folder(tmp_path / "own", 16_000, rows)
    config = settle(load_config("train", words(root, tmp_path)))
    assert list(config.data.species) == ["s9", "80", "500207"]
    assert {one.species_id: one.f_min for one in config.data.templates} == {
        0: 2e3,
        1: 4e3,
        2: 500.0,
    }
    source = build(config.data.source)
    assert set(source.load().rows["species_id"]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("given", "words_of_error"),
    [
        ("data.species=Owl", r"one text; give a list: data\.species="),
        ("data.species=[Owl,Wren] data.num_species=3", "2 names, data.num_species is 3"),
        ("data.source.species_file=nowhere.csv", "species_file=nowhere.csv does not exist"),
        ("data.source.complete=1", "complete = 1; expected true, false or a CSV"),
        ("data.templates=null", "data/templates=rows"),
    ],
)
def test_what_is_given_by_hand_is_checked(tmp_path: Path, given: str, words_of_error: str) -> None:
    root = table_folder(tmp_path / "own", 16_000, [("Owl", 500.0, 900.0)])
    with pytest.raises(Exception, match=words_of_error):
        settle(load_config("train", words(root, tmp_path, *given.split())))


def test_given_species_have_the_given_order_and_others_are_left_out(tmp_path: Path, caplog) -> None:
    rows = [("Owl", 500.0, 900.0), ("7", 2e3, 3e3), ("Wren", 4e3, 5e3)]
    root = table_folder(tmp_path / "own", 16_000, rows)
    config = settle(load_config("train", words(root, tmp_path, "data.species=[Wren,7]")))
    assert list(config.data.species) == ["Wren", "7"]
    bands = {one.species_id: one.f_min for one in config.data.templates}
    assert bands == {0: 4000.0, 1: 2000.0}
    assert "not scored, and are left out: Owl" in caplog.text


@pytest.mark.parametrize(
    ("more", "species"),
    [
        (["data/templates=rfcx"], 24),
        (["model.bands.classes.templates=[{species_id: 0, f_min: 300, f_max: 900}]"], 1),
        (["data.num_species=5"], 5),
        ([], 2),
    ],
)
def test_parts_are_tried_with_as_many_species_as_bands_are_given(
    tmp_path: Path, more: list[str], species: int
) -> None:
    config = load_config("train", words(tmp_path, tmp_path, "experiment=best", *more))
    assert provisional(config).data.num_species == species
    whole = load_config("train", words(tmp_path, tmp_path))
    assert provisional(whole).data.num_species == 2


def test_bands_are_of_the_few_rows_that_are_trained_on(tmp_path: Path, caplog) -> None:
    root = table_folder(tmp_path / "own", 16_000, [])
    lines = [
        f"{n}.wav,Owl,1,2,{low},{low + 400}"
        for n, low in zip("abcd", (300, 310, 320, 330), strict=True)
    ]
    (root / "labels.csv").write_text(
        "recording,species,t_min,t_max,f_min,f_max\n" + "\n".join(lines) + "\n"
    )
    few = words(root, tmp_path, "data.rows_per_species=1", "data.folds.num_folds=2")
    with caplog.at_level("INFO"):
        config = settle(load_config("train", few))
    data = build(config.data.module)
    (row,) = data.train_rows.to_dict("records")
    (band,) = config.data.templates
    assert (band.f_min, band.f_max) == (row["f_min"], row["f_max"])
    assert "1 species have one confirmed row: Owl" in caplog.text
    assert len(data.val_rows) == 2
