"""What all tests need: Ctrl-C reaches the processes that they start, also where a job in the background ignores it."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored here would be ignored by every child
