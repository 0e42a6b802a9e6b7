"""The command `rfcx-audio synthesize`; its work is `rfcx_audio.commands.synthesize`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("synthesize")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.synthesize import run

    run(config)


if __name__ == "__main__":
    main()
