from pathlib import Path

from queued import answer, frame, new_store
from rfcx_audio.queues import Strata, Top, density, draw, draw_answers, precision_table, read_sample


def test_each_species_has_two_panels(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(40, None)
    draw(candidates, Strata(number=90), store, {})
    answer(store, store.clips(1)[:60])
    draw(candidates, Top(number=9), store, {})
    answer(store, store.clips(2))
    sample = read_sample(store)
    figure = draw_answers(density(sample), precision_table(sample), 0.9)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 6
    titles = [axes.get_title() for axes in shown if axes.get_title()]
    assert sorted(title.split("\n")[0] for title in titles) == ["frog", "owl", "wren"]
    assert [label.get_text() for label in shown[-1].get_xticklabels()] == list("123456")
    figure.savefig(tmp_path / "answers.png")
