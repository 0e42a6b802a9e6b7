"""The command `rfcx-audio export`; its work is `rfcx_audio.commands.export`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("export")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.export import run

    run(config)


if __name__ == "__main__":
    main()
