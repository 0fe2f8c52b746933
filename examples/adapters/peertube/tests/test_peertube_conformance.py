"""The conformance kit: declared features work, and undeclared features are refused."""

from __future__ import annotations

from livestream_core.testing import conformance


class PeerTube(conformance.Subject):
    name = "peertube"


class TestPeerTube(conformance.Suite):
    subject = PeerTube()
