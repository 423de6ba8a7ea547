"""The core: values and decisions. No clock, no log, no sleep, no I/O; `now` is an argument."""
