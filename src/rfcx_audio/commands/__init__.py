"""What each command does with its configuration: reads, calls the rooms below, writes, prints."""
