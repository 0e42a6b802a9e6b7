"""The command `rfcx-audio detect`; its work is `rfcx_audio.commands.detect`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("detect")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.detect import run

    run(config)


if __name__ == "__main__":
    main()
