"""The command `rfcx-audio calibrate`; its work is `rfcx_audio.commands.calibrate`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("calibrate")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.calibrate import run

    run(config)


if __name__ == "__main__":
    main()
