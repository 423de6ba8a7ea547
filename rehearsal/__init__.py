"""A cloud on the laptop: real processes behind a real splitter, with faults on demand."""
