"""The command `rfcx-audio embed`; its work is `rfcx_audio.commands.embed`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("embed")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.embed import run

    run(config)


if __name__ == "__main__":
    main()
