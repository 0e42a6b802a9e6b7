"""The command `rfcx-audio crossval`; its work is `rfcx_audio.commands.crossval`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("crossval")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.crossval import run

    run(config)


if __name__ == "__main__":
    main()
