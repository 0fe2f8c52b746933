"""Outside events that affect a vendor's streams, such as encoders that connect."""

from __future__ import annotations

from typing import ClassVar


class World:
    """The outside events of an emulated vendor.

    Tests and programs call the first five methods. An emulator implements the effects of the first
    four, the methods that are named after the event, and of the last one, if it applies.

    Attributes:
        outside_events: The names of these five methods.
    """

    outside_events: ClassVar[tuple[str, ...]] = (
        "connect_encoder",
        "drop_encoder",
        "finish_recording",
        "fail_stream",
        "add_stream",
    )

    def connect_encoder(self, id: str) -> None:
        """Connect an encoder that publishes to a stream.

        Raises:
            ValueError: If the stream does not accept an encoder now.
        """
        self.encoder_connects(id)

    def drop_encoder(self, id: str) -> None:
        """Close the encoder's network connection.

        Raises:
            ValueError: If no encoder is connected.
        """
        self.encoder_drops(id)

    def finish_recording(self, id: str) -> None:
        """Finish the recording.

        Raises:
            ValueError: If no recording is in progress.
        """
        self.recording_ready(id)

    def fail_stream(self, id: str) -> None:
        """Make the stream fail, if the vendor has a status for that.

        Raises:
            ValueError: If the stream cannot fail now.
            NotImplementedError: If the vendor does not report failed streams.
        """
        self.stream_fails(id)

    def add_stream(self) -> str:
        """Make a stream in another way than by the API, and return its ID.

        By default, an encoder publishes under an unused ID.

        Raises:
            NotImplementedError: If only the API creates streams.
        """
        unused = self.unused_id()
        self.connect_encoder(unused)
        return unused

    # -- for emulators to implement ---------------------------------------------------------

    def encoder_connects(self, id: str) -> None:
        """Apply the effects of an encoder that starts to publish to a stream.

        Raises:
            ValueError: If the stream does not accept an encoder now.
        """
        raise NotImplementedError

    def encoder_drops(self, id: str) -> None:
        """Apply the effects of a lost connection to the encoder.

        Raises:
            ValueError: If no encoder is connected.
        """
        raise NotImplementedError

    def is_published(self, id: str) -> bool:
        """Return whether an encoder is connected to a stream.

        A real media server needs it, to disconnect an encoder whose run has ended.
        """
        raise NotImplementedError

    def kept_part(self, id: str) -> tuple[float, float] | None:
        """Return the part of the recording that a trim keeps, in seconds, or ``None`` for all."""
        return None

    def recording_ready(self, id: str) -> None:
        """Apply the effects of a finished recording.

        Raises:
            ValueError: If no recording is in progress.
        """
        raise NotImplementedError

    def stream_fails(self, id: str) -> None:
        """Apply the effects of a failure of the stream.

        Raises:
            ValueError: If the stream cannot fail now.
        """
        raise NotImplementedError

    def unused_id(self) -> str:
        """Return an ID under which no stream was published yet.

        For a server that keeps no streams: an encoder may publish under any name.

        Raises:
            NotImplementedError: If only the API creates streams.
        """
        raise NotImplementedError
