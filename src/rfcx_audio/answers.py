"""The command `rfcx-audio answers`; its work is `rfcx_audio.commands.answers`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("answers")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.answers import run

    run(config)


if __name__ == "__main__":
    main()
