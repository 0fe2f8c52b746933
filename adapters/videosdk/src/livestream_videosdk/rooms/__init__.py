"""VideoSDK's API v2: rooms, with HLS, RTMP-out, recordings, and ingest by WHIP."""
