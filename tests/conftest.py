"""What holds for every test."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell script that starts the suite with `&` has it ignore Ctrl-C, and so would every command it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
