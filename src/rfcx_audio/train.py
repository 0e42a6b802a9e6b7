"""`python -m rfcx_audio.train`: trains a network, and tests it where the truth is complete."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("train")
def main(config: DictConfig) -> float | None:
    """The command; returns the best value of what the first checkpoint monitors, for sweepers."""
    # Here, so that --help does not wait for torch.
    from pytorch_lightning.callbacks import ModelCheckpoint

    from rfcx_audio.experiment import train_run

    kept = train_run(config).checkpoint_callback
    if not isinstance(kept, ModelCheckpoint) or kept.best_model_score is None:
        return None
    return kept.best_model_score.item()


if __name__ == "__main__":
    main()
