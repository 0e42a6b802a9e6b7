"""The command `rfcx-audio prevalence`; its work is `rfcx_audio.commands.prevalence`."""

from __future__ import annotations

from rfcx_audio.config import DictConfig, entry_point


@entry_point("prevalence")
def main(config: DictConfig) -> None:
    """The command."""
    from rfcx_audio.commands.prevalence import run

    run(config)


if __name__ == "__main__":
    main()
