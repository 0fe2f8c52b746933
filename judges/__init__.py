"""Judges of the emulators: vendors' official SDKs, which their authors did not write for us.

``make judges`` runs them in an environment of their own.
"""
