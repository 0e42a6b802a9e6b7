"""Writes a synthetic rainforest to disk, in the layout of the RFCX data."""

from __future__ import annotations

import json
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import soundfile

from rfcx_audio.data.synthetic.plan import Plan, plan_rainforest
from rfcx_audio.data.synthetic.recipe import Rainforest
from rfcx_audio.data.synthetic.render import render
from rfcx_audio.data.synthetic.scene import Scene
from rfcx_audio.tracked import tracked
from rfcx_audio.versions import versions

_log = logging.getLogger(__name__)
RECIPE_FILE = "rainforest.json"
FULL_SCALE = 2**15 - 1
COMPRESSION = 0.0  # FLAC's quickest


def write_rainforest(
    root: Path,
    recipe: Rainforest,
    templates: pd.DataFrame,
    workers: int | None = None,
    progress: bool = True,
) -> None:
    """Writes the data set of a recipe, unless it is there already.

    `train/<id>.flac`, `test/<id>.flac`, `train_tp.csv`, `train_fp.csv`, `sample_submission.csv` as
    in RFCX; `truth.csv` with every call of every recording; `rainforest.json` with the recipe. They
    are made in a hidden folder beside `root`, which gets its name when all is done.

    Args:
        root: the folder to make.
        recipe: the settings.
        templates: the boxes that the calls lie in, as `rfcx_templates` returns them; they are no
            part of the recipe that is kept.
        workers: threads that render; None takes one for each core. The files do not depend on it.
        progress: whether to show how far it is.

    Raises:
        ValueError: `root` holds the rainforest of another recipe.
        FileExistsError: `root` holds something else.
    """
    if _is_there(root, recipe):
        return
    plan = plan_rainforest(recipe, templates)
    if progress:
        _log.info("%s: a synthetic rainforest of %d recordings is made", root, len(plan.scenes))
    draft = root.with_name(f".{root.name}-{uuid4().hex}")
    try:
        for split in ("train", "test"):
            (draft / split).mkdir(parents=True)
        _write_tables(draft, recipe, plan)
        _write_recordings(draft, recipe, plan, workers or os.cpu_count() or 1, progress)
        _give_name(draft, root, recipe)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _give_name(draft: Path, root: Path, recipe: Rainforest) -> None:
    try:
        draft.rename(root)
    except OSError:
        # Another run made the folder in the meantime; that of the same recipe has the same files.
        if not _is_there(root, recipe):
            raise


def _is_there(root: Path, recipe: Rainforest) -> bool:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    path = root / RECIPE_FILE
    if not path.is_file():
        raise FileExistsError(f"{root} exists and holds no rainforest; choose another folder")
    found = json.loads(path.read_text(encoding="utf-8"))["recipe"]
    asked, defaults = (json.loads(json.dumps(asdict(of))) for of in (recipe, Rainforest()))
    # Recipes of earlier versions have fewer settings; they used what are now the defaults.
    found = defaults | found
    if found != asked:
        other = {key: value for key, value in found.items() if asked.get(key) != value}
        raise ValueError(
            f"{root} holds the rainforest of another recipe, with {other}; delete it or choose "
            "another folder"
        )
    return True


def _write_tables(root: Path, recipe: Rainforest, plan: Plan) -> None:
    plan.train_tp.to_csv(root / "train_tp.csv", index=False)
    plan.train_fp.to_csv(root / "train_fp.csv", index=False)
    plan.truth.to_csv(root / "truth.csv", index=False)
    plan.sample_submission.to_csv(root / "sample_submission.csv", index=False)
    made = {"version": versions(["rfcx-audio"])["rfcx-audio"], "recipe": asdict(recipe)}
    (root / RECIPE_FILE).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def _write_recordings(
    root: Path, recipe: Rainforest, plan: Plan, workers: int, progress: bool
) -> None:
    # Threads, for nearly all the time is spent in numpy and libsndfile, outside the interpreter's
    # lock; processes would first import this package's torch, and whatever script called us.
    pool = ThreadPoolExecutor(workers)
    try:
        done = pool.map(partial(_write_recording, root, recipe), plan.scenes)
        for _ in tracked(done, "generating recordings", len(plan.scenes), shown=progress):
            pass
    finally:
        pool.shutdown(cancel_futures=True)


def _write_recording(root: Path, recipe: Rainforest, scene: Scene) -> None:
    samples = np.rint(render(scene, recipe) * np.float32(FULL_SCALE)).astype(np.int16)
    soundfile.write(
        root / scene.split / f"{scene.recording_id}.flac",
        samples,
        recipe.sample_rate,
        subtype="PCM_16",
        compression_level=COMPRESSION,
    )
