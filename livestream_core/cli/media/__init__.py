"""A real media server behind emulators: nginx with its RTMP module, and ffmpeg."""
