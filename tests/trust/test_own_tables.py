"""A user's own tables and audio, in the odd forms that they have."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from own_tables import (
    DURATION_S,
    RATE,
    Call,
    as_audacity,
    as_csv,
    as_kaleidoscope,
    as_raven,
    load,
    write_audio,
)
from preloaded import run_module
from rfcx_audio.data import (
    AnnotationError,
    AudioReader,
    Recordings,
    match_audio,
    read_annotations,
)
from rfcx_audio.data.audio import AUDIO_SUFFIXES
from rfcx_audio.scoring import list_recordings
from trust.fuzz import damaged_text, lost
from trust.ledger import Tally, brief_or_long

TABLES, AUDIO = "Bad tables and configurations", "Bad audio"
RECORDINGS = ("dawn", "Río d'Or 5:30", "2021.06.14 (2)", "été-ß_蛙", "100%")
SPECIES = ("Grey owl", "Frog d'Été: trill")
NAMES = ["File", "Common name", "Start (s)", "End (s)", "Low Freq (Hz)", "High Freq (Hz)"]
OF_R = ["sound.files", "Species", "start", "end", "low.freq", "high_freq"]


def some_calls(rng: np.random.Generator, recordings: tuple[str, ...]) -> list[Call]:
    """One call of each species in each recording, and more by chance."""
    calls = []
    for recording in recordings:
        for species in (*SPECIES, *rng.choice(SPECIES, int(rng.integers(0, 3)))):
            t_min, f_min = rng.uniform(0.1, 5), rng.uniform(50, 2000)
            edges = t_min, t_min + rng.uniform(0.1, 2), f_min, f_min + rng.uniform(100, 1500)
            calls.append(Call(recording, str(species), *(round(edge, 3) for edge in edges)))
    return calls


def write_table(folder: Path, calls: list[Call], rng: np.random.Generator) -> str:
    """A table in a form, an encoding and with line ends that are drawn; its name."""
    forms = {
        "raven.txt": lambda: as_raven(calls),
        "comma.csv": lambda: as_csv(calls, NAMES, ",", quote='"'),
        "decimal_comma.csv": lambda: as_csv(calls, NAMES, ";", comma=True),
        "tabs.txt": lambda: as_csv(calls, NAMES, "\t"),
        "r.tsv": lambda: as_csv(calls, OF_R, "\t", quote='"'),
        "kaleidoscope.csv": lambda: as_kaleidoscope(calls),
        "audacity.txt": lambda: as_audacity(calls),
    }
    name = str(rng.choice(list(forms)))
    if name == "audacity.txt" and len({call.recording for call in calls}) > 1:
        name = "raven.txt"
    own = f"{calls[0].recording}.txt" if name == "audacity.txt" else name
    end = str(rng.choice(["\n", "\r\n", "\r"]))
    encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))
    text = end.join(forms[name]()) + end
    if rng.random() < 0.5:
        text = unicodedata.normalize("NFD", text)
    (folder / own).write_bytes(text.encode(encoding))
    return f"{name}, {encoding}, {end!r}"


@pytest.mark.promise(TABLES, "a table of another program is read value by value, in any form")
def test_own_tables_are_read_as_they_stand(tmp_path: Path, tally: Tally) -> None:
    for case in range(brief_or_long(40, 1000)):
        rng = np.random.default_rng(case)
        folder = tmp_path / str(case)
        several = rng.random() < 0.7
        used = RECORDINGS if several else (str(rng.choice(RECORDINGS)),)
        for name in used:
            form = str(rng.choice(["NFC", "NFD"]))
            write_audio(
                folder / f"{unicodedata.normalize(form, name)}.{rng.choice(['wav', 'WAV'])}"
            )
        calls = some_calls(rng, used)
        words = write_table(folder, calls, rng)
        rows = load(folder).usable
        columns = ["t_min", "t_max", "f_min", "f_max"]
        same = rows["recording_id"].to_list() == [call.recording for call in calls]
        same &= rows["species_id"].to_list() == [1 - SPECIES.index(call.species) for call in calls]
        close = np.allclose(rows[columns], [call[2:] for call in calls], atol=2e-3)
        tally.case(same and close and not rows["whole_band"].any(), f"{case}: {words}")


@pytest.mark.promise(
    TABLES, "a damaged table of another program is read, or refused with the reason"
)
@pytest.mark.parametrize("form", [as_raven, as_kaleidoscope, as_audacity, as_csv])
def test_damaged_own_tables(
    tmp_path: Path, form: Callable[..., list[str]], tally: Tally, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR")
    for name in ("dawn", "dusk"):
        write_audio(tmp_path / f"{name}.wav")
    recordings = Recordings.scan(tmp_path)
    more = (NAMES, ";", True, '"') if form is as_csv else ()
    calls = [Call("dawn", "Owl", 1.0, 2.0, 300.0, 900.0), Call("dusk", "Frog", 4.0, 5.5, 1e3, 2e3)]
    content = ("\n".join(form(calls, *more)) + "\n").encode()

    def attempt(rng: np.random.Generator) -> None:
        (tmp_path / "dawn.txt").write_bytes(damaged_text(content, rng))
        found = read_annotations(tmp_path, recordings=recordings)
        durations_s = recordings.durations_s
        kept, left_out = match_audio(found.rows, durations_s, "leave_out", {}, found.unmatched)
        assert len(kept) + len(left_out) == len(found.rows)
        assert set(kept["recording_id"]) <= set(recordings.paths)
        assert (kept["t_max"] > kept["t_min"]).all()
        assert (kept["t_min"] < DURATION_S).all()

    tries = brief_or_long(50, 1000)
    tally.cases(tries, lost(attempt, (AnnotationError,), tries))


@pytest.mark.promise(
    TABLES, "of files of one name in several folders, each has its own rows, or is refused"
)
def test_rows_are_those_of_their_own_file(tmp_path: Path, tally: Tally) -> None:
    for case in range(brief_or_long(40, 1000)):
        rng = np.random.default_rng(case)
        folder = tmp_path / str(case)
        places = [f"{site}/{day}" for site in ("siteA", "siteB") for day in ("0530", "0630")]
        there = [place for place in places if rng.random() < 0.8] or places[:1]
        for place in there:
            write_audio(folder / "audio" / f"{place}.WAV")
        # A frequency for each file, so that a row shows which one it was written for.
        rows = [
            f"E:\\cards\\{place.replace('/', chr(92))}.WAV,Owl,1,2,{100 * at + 100},3000"
            for at, place in enumerate(places)
        ]
        (folder / "all.csv").write_text("\n".join(["path,species,start,end,f_min,f_max", *rows]))
        audio = folder / "audio" / str(rng.choice(["", "siteA"]))
        if not audio.is_dir():
            audio = folder / "audio"
        words = f"data.source.audio={audio}", "data.source.missing_audio=leave_out"
        try:
            corpus = load(folder, *words, num_species=1)
        except AnnotationError as error:  # which file a row is about would be a guess
            tally.case("either may be recording" in str(error), f"{case}: {error}")
            continue
        files = [corpus.train.paths[name] for name in corpus.usable["recording_id"]]
        found = {path.relative_to(folder / "audio").with_suffix("").as_posix() for path in files}
        right = [
            path.relative_to(folder / "audio").with_suffix("").as_posix()
            == places[round(f_min / 100) - 1]
            for path, f_min in zip(files, corpus.usable["f_min"], strict=True)
        ]
        expected = {
            place for place in there if (folder / "audio" / f"{place}.WAV").is_relative_to(audio)
        }
        tally.case(all(right) and found == expected, f"{case}: {sorted(found)}")


@pytest.mark.promise(
    TABLES, "what lies beside tables is passed over and named, and no label is lost"
)
@pytest.mark.parametrize(
    "name",
    ["notes.txt", "._a.txt", "CONFIG.TXT", "run/.hydra/x.csv", "run/events.csv", "folds/5.csv"],
)
def test_what_is_no_table_is_passed_over(
    tmp_path: Path, name: str, tally: Tally, caplog: pytest.LogCaptureFixture
) -> None:
    contents = {
        "._a.txt": b"\x00\x05\x16\x07\x00\xff\xfe",
        "run/events.csv": b"recording_id,species,t_min,t_max\na,Owl,0,1\n",
        "folds/5.csv": b"recording_id,fold\na,0\n",
    }
    write_audio(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_text("0.5\t1.0\tOwl\n")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(contents.get(name, b"It rained; nothing to report, really\n"))
    if name.startswith("run/"):
        (tmp_path / "run" / "failures.csv").touch()
    rows = load(tmp_path, num_species=1).usable
    hidden = "/." in f"/{name}"
    tally.case(len(rows) == 1, f"{len(rows)} rows")
    tally.case(hidden or Path(name).parts[0] in caplog.text, caplog.text)


@pytest.mark.promise(TABLES, "rows are used, or left out and counted by their reason")
def test_rows_that_are_not_used_are_counted(
    tmp_path: Path, tally: Tally, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for name in ("a", "quiet", "none"):
        write_audio(tmp_path / f"{name}.wav")
    (tmp_path / "a.txt").write_text("1\t2\tOwl\n3\t3\tOwl\n7\t9\tOwl\n4\t5\tnocall\n6\t7\t\n")
    (tmp_path / "quiet.txt").write_text("")
    (tmp_path / "none.txt").write_text("0\t8\tNocall\n")
    with pytest.raises(AnnotationError, match=r"a.txt line 5: species '' .* name it, or ignore"):
        load(tmp_path, num_species=1)
    corpus = load(tmp_path, "data.source.ignore=[nocall,'']", num_species=1)
    times = corpus.usable[["t_min", "t_max"]].to_numpy().tolist()
    tally.case(np.allclose(times, [[1, 2], [2.95, 3.05], [7, DURATION_S]]), str(times))
    tally.case(corpus.without_rows == ("none", "quiet"), str(corpus.without_rows))
    for words in (
        "1 rows end after their recording and are cut",
        "are ignored: '' in 1, 'Nocall' in 1, 'nocall' in 1",
        "2 recordings are not used: their tables have no row of a species ('none', 'quiet')",
    ):
        tally.case(words in caplog.text, words)


@pytest.mark.promise(TABLES, "rows are used, or left out and counted by their reason")
def test_a_selection_over_midnight_labels_both_files(tmp_path: Path, tally: Tally) -> None:
    for name in ("23h", "00h"):
        write_audio(tmp_path / f"{name}.wav")
    (tmp_path / "night.txt").write_text(
        "Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tEnd File\tFile Offset (s)\tSpecies\n"
        "1\t6\t9.5\t23h.wav\t00h.wav\t6\tOwl\n"
    )
    rows = load(tmp_path, num_species=1).usable
    found = rows[["recording_id", "t_min", "t_max"]].to_numpy().tolist()
    tally.case(found == [["23h", 6.0, 8.0], ["00h", 0.0, 1.5]], str(found))


@pytest.mark.promise(AUDIO, "a file that is called like audio is scored, or named with its reason")
def test_no_audio_is_passed_over(tmp_path: Path, tally: Tally) -> None:
    forms = {".aiff": "AIFF", ".aif": "AIFF", ".au": "AU", ".caf": "CAF", ".w64": "W64"}
    forms |= {".opus": "OGG", ".voc": "VOC", ".wav": "WAV", ".flac": "FLAC", ".mp3": "MP3"}
    for suffix in AUDIO_SUFFIXES:
        for ending in (suffix, suffix.upper()):
            path = tmp_path / f"x{ending[1:]}" / f"a{ending}"
            path.parent.mkdir()
            path.write_bytes(b"no sound at all, but more than a few bytes of it" * 20)
            if suffix in forms:
                kind = {"subtype": "OPUS"} if suffix == ".opus" else {}
                rate = 48_000 if suffix in (".opus", ".mp3") else RATE
                soundfile.write(path, np.zeros(rate), rate, format=forms[suffix], **kind)
    found = Recordings.probe(list_recordings(str(tmp_path)))
    for suffix in AUDIO_SUFFIXES:
        for ending in (suffix[1:], suffix[1:].upper()):
            named = set(found.paths if suffix in forms else found.failures)
            tally.case(f"x{ending}/a" in named, ending)


@pytest.mark.promise(AUDIO, "a WAV file whose sizes were never written is read to its end")
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_recorder_that_lost_its_power(tmp_path: Path, subtype: str, channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE, channels))
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, RATE, subtype=subtype)
    reader = AudioReader(RATE)
    whole = reader.read(path)
    content = bytearray(path.read_bytes())
    data = content.index(b"data") + 4
    end = data + 4 + int.from_bytes(content[data : data + 4], "little")
    content[4:8] = content[data : data + 4] = bytes(4)
    path.write_bytes(content[:end])
    assert np.array_equal(reader.read(path), whole)


@pytest.mark.slow
@pytest.mark.promise(TABLES, "a command that did none of its work fails, and gives the reason")
def test_nothing_done_is_a_failure(checkpoint: Path, tmp_path: Path, tally: Tally) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    for name in "abc":
        (audio / f"{name}.wav").write_bytes(b"RIFF and no more")
    (audio / "a.txt").write_text("0\t1\tOwl\n")
    (tmp_path / "list.txt").write_text("gone_1.wav\ngone_2.wav\n")
    out = f"paths.output_dir={tmp_path}/out", f"hydra.run.dir={tmp_path}/out"
    works = {
        "3 of 3 audio files in": ("train", "data=table", f"data.root={audio}", "model=tiny"),
        "none of the 3 recordings could be read": ("predict", f"recordings={audio}"),
        "none of the 2 recordings could be read": ("predict", f"recordings={tmp_path}/list.txt"),
    }
    for at, (reason, (verb, *words)) in enumerate(works.items()):
        more = ["data.num_species=1"] if verb == "train" else [f"checkpoint={checkpoint}"]
        folders = [word.replace("/out", f"/out_{at}") for word in out]
        done = run_module(f"rfcx_audio.{verb}", *words, *more, *folders, cwd=tmp_path)
        tally.case(done.returncode == 1 and reason in done.stderr, f"{verb}: {done.stderr[-500:]}")
