"""The command `rfcx-audio ensemble`; its work is `rfcx_audio.commands.ensemble`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("ensemble")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.ensemble import run

    run(config)


if __name__ == "__main__":
    main()
