"""The clients: each is for one account at one vendor."""

from .base import BaseClient, feature_of, unknown_field
from .client import Client

__all__ = ["BaseClient", "Client", "feature_of", "unknown_field"]
