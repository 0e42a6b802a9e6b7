"""The command `rfcx-audio evaluate`; its work is `rfcx_audio.commands.evaluate`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("evaluate")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.evaluate import run

    run(config)


if __name__ == "__main__":
    main()
