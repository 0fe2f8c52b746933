"""The conformance kit: what the adapter declares works, what it does not declare is refused."""

from __future__ import annotations

from livestream_core.testing import conformance


class PeerTube(conformance.Subject):
    name = "peertube"


class TestPeerTube(conformance.Suite):
    subject = PeerTube()
