"""The command `rfcx-audio predict`; its work is `rfcx_audio.commands.predict`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("predict")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.predict import run

    run(config)


if __name__ == "__main__":
    main()
