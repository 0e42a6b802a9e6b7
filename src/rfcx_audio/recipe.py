"""The command `rfcx-audio recipe`; its work is `rfcx_audio.commands.recipe`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("recipe")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.recipe import run

    run(config)


if __name__ == "__main__":
    main()
