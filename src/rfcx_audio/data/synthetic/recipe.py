"""The settings of a synthetic rainforest."""

from __future__ import annotations

from dataclasses import dataclass

from rfcx_audio.data.synthetic.prevalence import COMMONEST_FIRST, LEAST, MOST
from rfcx_audio.data.synthetic.templates import Songs


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
        species: number of invented species, with boxes and voices of their own; None: RFCX's 24.
        further_songs: of each species, with a row in turn as often as the others.
        band_width: factor on the width of each box, in octaves.
        pitch_spread: standard deviation of how far from its species' box an individual calls,
            octaves. The caller of a TP row is in the box, as a template matcher finds no others.
        drift: most octaves by which an individual moves through the band in a recording.
        shared_songs: mean number of individuals of no species in a recording that call in the box
            of one species with the pattern of another.
        weather: factor on how often it rains, blows and bursts, and on the power of rain and wind.
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
    species: int | None = None
    further_songs: int = 0
    band_width: float = 1.0
    pitch_spread: float = 0.0
    drift: float = 0.0
    shared_songs: float = 0.0
    weather: float = 1.0

    @property
    def num_species(self) -> int:
        """RFCX's, or the invented ones."""
        return len(COMMONEST_FIRST) if self.species is None else self.species

    @property
    def num_wrong_tp(self) -> int:
        """Wrong TP rows of each species."""
        return round(self.wrong_tp_share * self.tp_per_species)

    def __post_init__(self) -> None:
        self._refuse(self._problems())

    def check_songs(self, songs: Songs) -> None:
        """Refuses songs that do not fit into the recordings, or are of other species.

        Args:
            songs: of the species.

        Raises:
            ValueError: they do not fit; the message names what to change.
        """
        templates = [song for several in songs.values() for song in several]
        if list(songs) != list(range(self.num_species)):
            raise ValueError(
                f"the templates must be of the species 0 to {self.num_species - 1}; they are of "
                f"{sorted(songs)}"
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
        number = self.num_species
        focal = number * self.tp_per_species
        least, most = number * LEAST, number * MOST
        wrong = self.num_wrong_tp
        numbers = (self.num_train, self.num_test, self.tp_per_species, self.fp_per_species)
        return {
            "counts must be 0 or more": min(numbers) < 0,
            "species must be 2 or more, or null for RFCX's": number < 2,
            f"{focal} recordings are needed for the TP rows of {number} species; "
            "raise num_train or lower tp_per_species": self.num_train < focal,
            "a species has at most one FP row a recording, or one wrong TP row; raise num_train "
            "or lower fp_per_species": self.num_train < self.fp_per_species + wrong,
            "wrong_tp_share must lie in [0, 1]": not 0 <= self.wrong_tp_share <= 1,
            f"species_per_recording must lie between {least:.1f} and {most:.1f}": not (
                least <= self.species_per_recording <= most
            ),
            "skew and near_misses must be 0 or more": min(self.skew, self.near_misses) < 0,
            "further_songs, pitch_spread, drift, shared_songs and weather must be 0 or more": min(
                *(self.further_songs, self.pitch_spread, self.drift),
                *(self.shared_songs, self.weather),
            )
            < 0,
            "band_width must be above 0": self.band_width <= 0,
            "call_gap_s must be a range above 0": not 0 < self.call_gap_s[0] <= self.call_gap_s[1],
            "snr_db must be a range, lower end first": self.snr_db[0] > self.snr_db[1],
        }
