"""The settings of a synthetic rainforest."""

from __future__ import annotations

from dataclasses import dataclass

from rfcx_audio.data.synthetic.prevalence import LEAST, MOST, NUM_SPECIES
from rfcx_audio.data.synthetic.templates import Songs
from rfcx_audio.data.synthetic.voices import VOICES


@dataclass(frozen=True)
class Rainforest:
    """What a synthetic rainforest is made of.

    Attributes:
        seed: equal recipes make equal files, byte for byte.
        num_train: recordings for training, with and without a TP row.
        num_test: recordings for testing; they share no individual and no background with training.
        duration_s: length of a recording, seconds.
        sample_rate: Hz.
        tp_per_species: training recordings in which a species is the focal one, present and
            confirmed by one row; the others in the recording stay unknown.
        fp_per_species: rows that refute a species in one window of a training recording.
        species_per_recording: mean number of species that are present by the prior.
        skew: how uneven the prior is, see `prevalence`; 0 is even.
        call_gap_s: range of the time from one call of an individual to its next.
        snr_db: range of an individual's in-band signal-to-noise ratio, see `Caller.snr_db`.
        near_misses: mean number of individuals of no species in a recording, which call in the box
            of one but with another pattern.
        wrong_tp_share: of each species' TP rows, how many confirm what is a false alarm.
    """

    seed: int = 0
    num_train: int = 840
    num_test: int = 120
    duration_s: float = 60.0
    sample_rate: int = 48_000
    tp_per_species: int = 28
    fp_per_species: int = 40
    species_per_recording: float = 3.0
    skew: float = 1.1
    call_gap_s: tuple[float, float] = (3.0, 20.0)
    snr_db: tuple[float, float] = (6.0, 24.0)
    near_misses: float = 1.5
    wrong_tp_share: float = 0.0

    @property
    def num_wrong_tp(self) -> int:
        """Wrong TP rows of each species."""
        return round(self.wrong_tp_share * self.tp_per_species)

    def __post_init__(self) -> None:
        self._refuse(self._problems())

    def check_songs(self, songs: Songs) -> None:
        """Refuses songs that do not fit into the recordings, or that have no voice in `VOICES`.

        Args:
            songs: of the species.

        Raises:
            ValueError: they do not fit; the message names what to change.
        """
        templates = [song for several in songs.values() for song in several]
        classes = {(song.species_id, song.songtype_id) for song in templates}
        if classes != set(VOICES):
            raise ValueError(
                "the templates must be of the (species, songtype) classes that the rainforest has "
                f"voices for; they differ in {sorted(classes ^ set(VOICES))}"
            )
        longest_s = max(template.duration_s for template in templates)
        highest_hz = max(template.f_max for template in templates)
        self._refuse(
            {
                f"the longest call takes {longest_s} s; raise duration_s": self.duration_s
                < longest_s,
                f"the highest call reaches {highest_hz} Hz; raise sample_rate above twice "
                "that": self.sample_rate <= 2 * highest_hz,
            }
        )

    def _refuse(self, problems: dict[str, bool]) -> None:
        for problem, is_so in problems.items():
            if is_so:
                raise ValueError(f"{problem}; got {self}")

    def _problems(self) -> dict[str, bool]:
        focal = NUM_SPECIES * self.tp_per_species
        least, most = NUM_SPECIES * LEAST, NUM_SPECIES * MOST
        wrong = self.num_wrong_tp
        numbers = (self.num_train, self.num_test, self.tp_per_species, self.fp_per_species)
        return {
            "counts must be 0 or more": min(numbers) < 0,
            f"{focal} recordings are needed for the TP rows of {NUM_SPECIES} species; "
            "raise num_train or lower tp_per_species": self.num_train < focal,
            "a species has at most one FP row a recording, or one wrong TP row; raise num_train "
            "or lower fp_per_species": self.num_train < self.fp_per_species + wrong,
            "wrong_tp_share must lie in [0, 1]": not 0 <= self.wrong_tp_share <= 1,
            f"species_per_recording must lie between {least:.1f} and {most:.1f}": not (
                least <= self.species_per_recording <= most
            ),
            "skew and near_misses must be 0 or more": min(self.skew, self.near_misses) < 0,
            "call_gap_s must be a range above 0": not 0 < self.call_gap_s[0] <= self.call_gap_s[1],
            "snr_db must be a range, lower end first": self.snr_db[0] > self.snr_db[1],
        }
