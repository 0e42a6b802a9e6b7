"""`python -m rfcx_audio <verb>`: the command `rfcx-audio` where it is not on the path."""

from rfcx_audio.cli import main

if __name__ == "__main__":
    main()
