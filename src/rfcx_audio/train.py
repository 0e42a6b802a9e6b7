"""The command `rfcx-audio train`; its work is `rfcx_audio.commands.train`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("train")
def main(config: DictConfig) -> float | None:
    """The command."""
    from rfcx_audio.commands.train import run

    return run(config)


if __name__ == "__main__":
    main()
