"""The command `rfcx-audio search`; its work is `rfcx_audio.commands.search`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("search")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.search import run

    run(config)


if __name__ == "__main__":
    main()
