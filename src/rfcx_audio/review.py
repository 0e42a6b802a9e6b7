"""The command `rfcx-audio review`; its work is `rfcx_audio.commands.review`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("review")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.review import run

    run(config)


if __name__ == "__main__":
    main()
