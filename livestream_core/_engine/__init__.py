"""How an operation runs: flows that make every decision and do no I/O.

A flow is a generator. It yields effects; a runner performs each one, then resumes the flow with
the result or throws the error into it. The flow does not know which runner performs them.
"""
