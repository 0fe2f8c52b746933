"""How an operation runs: flows that decide everything and do no I/O.

A flow is a generator. It yields effects, and is resumed with what came of them, or the error is
thrown in. Who performs the effects, and in which way it waits, is not its business.
"""
