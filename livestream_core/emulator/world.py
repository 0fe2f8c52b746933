"""What the world does to a vendor's streams: encoders connect and drop, recordings are finished."""

from __future__ import annotations


class World:
    """The world of an emulated vendor.

    Tests and programs call the first four methods, the commands. An emulator implements what
    follows from them: the methods that are named by what happens.
    """

    def connect_encoder(self, id: str) -> None:
        """Connect an encoder that publishes to a stream.

        Raises:
            ValueError: The stream cannot be published to now.
        """
        self.encoder_connects(id)

    def drop_encoder(self, id: str) -> None:
        """Cut the encoder's network connection.

        Raises:
            ValueError: No encoder is connected.
        """
        self.encoder_drops(id)

    def finish_recording(self, id: str) -> None:
        """Finish the recording.

        Raises:
            ValueError: There is nothing to finish.
        """
        self.recording_ready(id)

    def fail_stream(self, id: str) -> None:
        """Fail the stream, if the vendor has a status for that.

        Raises:
            ValueError: The stream cannot fail now.
            NotImplementedError: The vendor reports no failed streams.
        """
        self.stream_fails(id)

    # -- what an emulator implements --------------------------------------------------------

    def encoder_connects(self, id: str) -> None:
        """An encoder begins to publish to a stream.

        Raises:
            ValueError: The stream cannot be published to now.
        """
        raise NotImplementedError

    def encoder_drops(self, id: str) -> None:
        """The encoder's connection is lost.

        Raises:
            ValueError: No encoder is connected.
        """
        raise NotImplementedError

    def recording_ready(self, id: str) -> None:
        """The recording is finished.

        Raises:
            ValueError: There is nothing to finish.
        """
        raise NotImplementedError

    def stream_fails(self, id: str) -> None:
        """The stream fails.

        Raises:
            ValueError: The stream cannot fail now.
        """
        raise NotImplementedError
