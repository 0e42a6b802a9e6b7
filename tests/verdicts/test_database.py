from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reviews import filled
from rfcx_audio.verdicts import VerdictError, is_verdict_store
from rfcx_audio.verdicts.database import connected, insert, insert_all, make_tables


def test_a_store_is_known_by_its_ending_and_its_first_bytes(tmp_path: Path) -> None:
    store = filled(tmp_path).path
    assert is_verdict_store(store)
    renamed = tmp_path / "verdicts.csv"
    renamed.write_bytes(store.read_bytes())
    text = tmp_path / "text.sqlite"
    text.write_text("no database")
    assert not any(map(is_verdict_store, (renamed, text, tmp_path / "none.sqlite", tmp_path)))


def test_an_error_rolls_a_transaction_back(tmp_path: Path) -> None:
    store = filled(tmp_path)
    row = {"made": "now", "design": "top", "seed": 0, "settings": "{}"}
    with pytest.raises(VerdictError, match="NOT NULL"), connected(store.path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert insert(connection, "queues", row) == 2
        insert(connection, "queues", row | {"design": None})
    assert len(store.queues()) == 1


def test_missing_numbers_and_those_of_numpy_are_kept(tmp_path: Path) -> None:
    store = filled(tmp_path)
    strata = pd.DataFrame({"queue": np.int64([1]), "species": ["wren"], "stratum": [""]})
    with connected(store.path) as connection:
        insert_all(connection, "strata", strata.assign(population=np.int64(7), drawn=np.int32(2)))
        connection.execute("UPDATE clips SET score = NULL WHERE clip = 1")
    assert store.strata()["population"].to_list() == [8, 7]
    assert np.isnan(store.clips()["score"][0])


def test_another_version_is_refused(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with connected(store.path) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(VerdictError, match="no store of verdicts of version 1, but of 9"):
        make_tables(store.path, create=True)
    with pytest.raises(VerdictError, match="of version 1, but of 0"):
        make_tables(tmp_path / "new.sqlite", create=False)
