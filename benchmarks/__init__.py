"""Speed and memory, as ratios to a peer or a limit that is measured beside it: `make bench`."""
