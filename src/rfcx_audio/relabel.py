"""The command `rfcx-audio relabel`; its work is `rfcx_audio.commands.relabel`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("relabel")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.relabel import run

    run(config)


if __name__ == "__main__":
    main()
