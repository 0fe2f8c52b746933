"""Forms of addresses as vendors and servers write them, each with its source.

``RUN`` as a source means that ffmpeg published to the address on nginx-rtmp, and that the row has
what the server saw. model/test_publishing.py repeats this with every form of an RTMP address. If
the source has a placeholder for a key or a host, the value here is made up.
"""

from __future__ import annotations

from typing import NamedTuple

#: ffmpeg 5.1 against nginx 1.22 with libnginx-mod-rtmp 1.2.2, and against libsrt 1.5.
RUN = "run"
KEY = "k3y-of-the-stream"
PASSPHRASE = "s3cr3t-phrase"


class Rtmp(NamedTuple):
    """An RTMP ingest.

    Attributes:
        source: The source of the form: a vendor or server, and its page.
        url: The address, as the vendor writes it.
        key: The key.
        server: The normalized address, without the key if it ends in the key.
        application: The application that a publisher must request.
        name: The name of the stream to publish.
        joined: Everything in one URL, or ``None`` if no URL can express it.
    """

    source: str
    url: str
    key: str
    server: str
    application: str
    name: str
    joined: str | None


def _rtmp(source: str, url: str, key: str, joined: str | None) -> Rtmp:
    """Return an address that is already normalized as OBS expects a server."""
    application = url.partition("://")[2].partition("/")[2]
    return Rtmp(source, url, key, url, application, key, joined)


RTMP = [
    # -- ports, with and without --
    _rtmp("YouTube, LiveStreams API: cdn.ingestionInfo.ingestionAddress and .streamName",
          "rtmp://a.rtmp.youtube.com/live2", "abcd-efgh-ijkl-mnop-qrst",
          "rtmp://a.rtmp.youtube.com/live2/abcd-efgh-ijkl-mnop-qrst"),
    _rtmp("YouTube, LiveStreams API: cdn.ingestionInfo.rtmpsIngestionAddress",
          "rtmps://a.rtmps.youtube.com/live2", "abcd-efgh-ijkl-mnop-qrst",
          "rtmps://a.rtmps.youtube.com/live2/abcd-efgh-ijkl-mnop-qrst"),
    _rtmp("Twitch, Video Broadcast: ingest endpoints", "rtmp://live.twitch.tv/app",
          "live_123456789_Ab", "rtmp://live.twitch.tv/app/live_123456789_Ab"),
    _rtmp("Mux, Configure Broadcast Software", "rtmp://global-live.mux.com:5222/app", KEY,
          f"rtmp://global-live.mux.com:5222/app/{KEY}"),
    _rtmp("Mux, Configure Broadcast Software", "rtmps://global-live.mux.com:443/app", KEY,
          f"rtmps://global-live.mux.com:443/app/{KEY}"),
    _rtmp("api.video, RTMP ingest: broadcast.api.video", "rtmp://broadcast.api.video:1935/s", KEY,
          f"rtmp://broadcast.api.video:1935/s/{KEY}"),
    _rtmp("api.video, RTMPS ingest", "rtmps://broadcast.api.video:1936/s", KEY,
          f"rtmps://broadcast.api.video:1936/s/{KEY}"),
    _rtmp("Vimeo, live events: RTMPS URL", "rtmps://rtmp-global.cloud.vimeo.com:443/live", KEY,
          f"rtmps://rtmp-global.cloud.vimeo.com:443/live/{KEY}"),
    _rtmp("Kick, stream URL", "rtmps://fa723fc1b171.global-contribute.live-video.net/app", KEY,
          f"rtmps://fa723fc1b171.global-contribute.live-video.net/app/{KEY}"),
    _rtmp("Livepeer Studio, Stream via RTMP", "rtmp://rtmp.livepeer.com/live", KEY,
          f"rtmp://rtmp.livepeer.com/live/{KEY}"),
    _rtmp("Restream, RTMP settings", "rtmp://live.restream.io/live", "re_123456_abcdef012345",
          "rtmp://live.restream.io/live/re_123456_abcdef012345"),
    _rtmp("Agora Media Gateway, quickstart", "rtmp://rtls-ingress-prod-na.agoramdn.com/live", KEY,
          f"rtmp://rtls-ingress-prod-na.agoramdn.com/live/{KEY}"),
    _rtmp("PeerTube, Live: rtmpUrl and streamKey", "rtmp://peertube.example:1935/live",
          "6f8b3a52-0a9e-4f5b-8a19-3d5e1f0c2b7a",
          "rtmp://peertube.example:1935/live/6f8b3a52-0a9e-4f5b-8a19-3d5e1f0c2b7a"),
    _rtmp("Wowza Video: primary_server and stream_name",
          "rtmp://4a5b6c.entrypoint.cloud.wowza.com/app-464a", "0P0p2Yk5Z",
          "rtmp://4a5b6c.entrypoint.cloud.wowza.com/app-464a/0P0p2Yk5Z"),
    _rtmp("X (Periscope), Producer", "rtmps://de.pscp.tv:443/x", KEY,
          f"rtmps://de.pscp.tv:443/x/{KEY}"),
    # -- closing slashes, and schemes in capitals --
    Rtmp("Cloudflare Stream, live inputs: rtmps.url and rtmps.streamKey",
         "rtmps://live.cloudflare.com:443/live/", "f26566285faca6fbe2e79a73a66rsr",
         "rtmps://live.cloudflare.com:443/live", "live", "f26566285faca6fbe2e79a73a66rsr",
         "rtmps://live.cloudflare.com:443/live/f26566285faca6fbe2e79a73a66rsr"),
    Rtmp("Amazon IVS, channel: ingestEndpoint as OBS takes it",
         "rtmps://a1b2c3d4e5f6.global-contribute.live-video.net:443/app/",
         "sk_us-west-2_abcdABCDefgh", "rtmps://a1b2c3d4e5f6.global-contribute.live-video.net:443/app",
         "app", "sk_us-west-2_abcdABCDefgh",
         "rtmps://a1b2c3d4e5f6.global-contribute.live-video.net:443/app/sk_us-west-2_abcdABCDefgh"),
    Rtmp("OBS Studio, librtmp/parseurl.c: one closing slash is no part of the application",
         "rtmp://h.example/live//", KEY, "rtmp://h.example/live", "live", KEY,
         f"rtmp://h.example/live/{KEY}"),
    Rtmp("RFC 3986, 3.1: schemes are case-insensitive, and ffmpeg knows small letters only",
         "RTMP://Live.Example/App/", KEY, "rtmp://Live.Example/App", "App", KEY,
         f"rtmp://Live.Example/App/{KEY}"),
    Rtmp("RFC 3986, 3.1", "RtmpS://live.example:443/app", KEY, "rtmps://live.example:443/app",
         "app", KEY, f"rtmps://live.example:443/app/{KEY}"),
    # -- addresses of IPv6, and users --
    _rtmp("RFC 3986, 3.2.2: an IPv6 address in brackets", "rtmp://[2001:db8::7]/live", KEY,
          f"rtmp://[2001:db8::7]/live/{KEY}"),
    _rtmp("RFC 3986, 3.2.2, with a port", "rtmp://[::1]:1935/live", KEY,
          f"rtmp://[::1]:1935/live/{KEY}"),
    _rtmp("RFC 3986, 3.2.2, over TLS", "rtmps://[2001:db8::7]:443/live/event", KEY,
          f"rtmps://[2001:db8::7]:443/live/event/{KEY}"),
    _rtmp("Wowza Streaming Engine, ffmpeg: user and password in the URL",
          "rtmp://user:pa55@wowza.example:1935/live", KEY,
          f"rtmp://user:pa55@wowza.example:1935/live/{KEY}"),
    # -- keys with a query --
    _rtmp("Twitch, bandwidth test", "rtmp://live.twitch.tv/app",
          "live_123456789_Ab?bandwidthtest=true",
          "rtmp://live.twitch.tv/app/live_123456789_Ab?bandwidthtest=true"),
    _rtmp("Facebook, Live Video API: secure_stream_url",
          "rtmps://live-api-s.facebook.com:443/rtmp", "FB-1029384756-0-Ab12?s_bl=1&s_oil=2&a=Ab3",
          "rtmps://live-api-s.facebook.com:443/rtmp/FB-1029384756-0-Ab12?s_bl=1&s_oil=2&a=Ab3"),
    _rtmp("Alibaba Cloud ApsaraVideo Live, URL signing", "rtmp://push.example.com/app",
          "stream?auth_key=1543302081-0-0-9c6e7c8190c10bdfb3c0",
          "rtmp://push.example.com/app/stream?auth_key=1543302081-0-0-9c6e7c8190c10bdfb3c0"),
    _rtmp("Tencent Cloud CSS, push configuration", "rtmp://push.example.com/live",
          "name?txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099",
          "rtmp://push.example.com/live/"
          "name?txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099"),
    _rtmp("Castr, RTMP publish", "rtmp://in.castr.io/static", "live_0a1b2c?password=d4e5f6",
          "rtmp://in.castr.io/static/live_0a1b2c?password=d4e5f6"),
    _rtmp("OvenMediaEngine, SignedPolicy: policy and signature are base64url",
          "rtmp://ome.example:1935/app", "stream?policy=eyJ1cmxfZXhwaXJlIjoxfQ&signature=hN-2_Qk",
          "rtmp://ome.example:1935/app/stream?policy=eyJ1cmxfZXhwaXJlIjoxfQ&signature=hN-2_Qk"),
    _rtmp("SRS, RTMP URL/Vhost", "rtmp://10.111.1.100:1935/live",
          "livestream?vhost=srs.com.cn",
          "rtmp://10.111.1.100:1935/live/livestream?vhost=srs.com.cn"),
    _rtmp("Ant Media Server, one-time token", "rtmp://ant.example/WebRTCAppEE",
          "stream1?token=0123456789", "rtmp://ant.example/WebRTCAppEE/stream1?token=0123456789"),
    # -- servers with a query --
    _rtmp("YouTube, LiveStreams API: cdn.ingestionInfo.backupIngestionAddress",
          "rtmp://b.rtmp.youtube.com/live2?backup=1", "abcd-efgh-ijkl-mnop-qrst",
          "rtmp://b.rtmp.youtube.com/live2?backup=1/abcd-efgh-ijkl-mnop-qrst"),
    _rtmp("Kaltura, Endpoints for Kaltura Live Streaming",
          "rtmp://1_gdrt137u.p.kpublish.kaltura.com:1935/kLive/?t=b9106yth4", "1",
          "rtmp://1_gdrt137u.p.kpublish.kaltura.com:1935/kLive/?t=b9106yth4/1"),
    _rtmp("Wowza ClearCaster, Connecting to Kaltura",
          "rtmp://1_7ny1tsk7.p.kpublish.kaltura.com:1935/kLive?t=27e57134", "1_7nXXXsk7_1",
          "rtmp://1_7ny1tsk7.p.kpublish.kaltura.com:1935/kLive?t=27e57134/1_7nXXXsk7_1"),
    _rtmp("SRS, RTMP URL/Vhost: the vhost in the application",
          "rtmp://192.168.1.10:1935/live?vhost=demo.srs.com", "livestream",
          "rtmp://192.168.1.10:1935/live?vhost=demo.srs.com/livestream"),
    _rtmp(RUN, "rtmp://h.example/live?sign=a/b", KEY, f"rtmp://h.example/live?sign=a/b/{KEY}"),
    _rtmp(RUN, "rtmp://h.example/live?sign=a/b/c", KEY, None),
    _rtmp(RUN, "rtmp://h.example/live?auth=1/", KEY, f"rtmp://h.example/live?auth=1//{KEY}"),
    _rtmp(RUN, "rtmp://h.example/live/event?auth=1", f"{KEY}?x=y",
          f"rtmp://h.example/live/event?auth=1/{KEY}?x=y"),
    # -- applications of several segments --
    _rtmp("Azure Media Services, live events: ingest URL and stream key",
          "rtmp://name.channel.media.azure.net:1935/live/7a1c5b0e9d3f4a2b", "mystream",
          "rtmp://name.channel.media.azure.net:1935/live/7a1c5b0e9d3f4a2b/mystream"),
    _rtmp("Wowza Streaming Engine: application and instance",
          "rtmp://wowza.example:1935/live/_definst_", "myStream",
          "rtmp://wowza.example:1935/live/_definst_/myStream"),
    _rtmp("Dolby Millicast, RTMP", "rtmp://rtmp-auto.millicast.com:1935/v2/pub",
          "stream?token=0123456789abcdef",
          "rtmp://rtmp-auto.millicast.com:1935/v2/pub/stream?token=0123456789abcdef"),
    _rtmp("Red5 Pro, Locating Streams: scopes within scopes",
          "rtmp://red5.example:1935/live/north/hall", "camera1", None),
    _rtmp(RUN, "rtmp://h.example/a/b/c/d", KEY, None),
    _rtmp(RUN, "rtmp://h.example/live/a:b", KEY, None),
    _rtmp("ffmpeg, rtmpproto.c: an application that it knows", "rtmp://h.example/ondemand",
          f"a/b/{KEY}", f"rtmp://h.example/ondemand/a/b/{KEY}"),
    _rtmp("ffmpeg, rtmpproto.c: an application that it knows", "rtmp://h.example/ondemand/b", KEY,
          None),
    # -- keys that ffmpeg reads as something else --
    _rtmp(RUN, "rtmp://h.example/live", "room/camera1", None),
    _rtmp(RUN, "rtmp://h.example/live", f"{KEY}?policy=a/b==&sign=c", None),
    _rtmp(RUN, "rtmp://h.example/live/event", "room/camera1",
          "rtmp://h.example/live/event/room/camera1"),
    _rtmp(RUN, "rtmp://h.example/live/event", f"{KEY}?policy=a/b==&sign=c",
          f"rtmp://h.example/live/event/{KEY}?policy=a/b==&sign=c"),
    _rtmp(RUN, "rtmp://h.example/live", "a:b/c", "rtmp://h.example/live/a:b/c"),
    _rtmp(RUN, "rtmp://h.example/live", "/slash-first", None),
    _rtmp(RUN, "rtmp://h.example/live", "slash-last/", None),
    _rtmp(RUN, "rtmp://h.example/live", "clip.mp4", None),
    _rtmp(RUN, "rtmp://h.example/live", "mp4:clip.mp4", "rtmp://h.example/live/mp4:clip.mp4"),
    _rtmp(RUN, "rtmp://h.example/live", "clip.f4v", None),
    _rtmp(RUN, "rtmp://h.example/live", "clip.flv", None),
    _rtmp(RUN, "rtmp://h.example/live", "clip.flv?x=1", "rtmp://h.example/live/clip.flv?x=1"),
    _rtmp(RUN, "rtmp://h.example/live", "two words", None),
    _rtmp(RUN, "rtmp://h.example/live", f"{KEY}?slist=x", None),
    _rtmp(RUN, "rtmp://h.example/live", "a%2Fb%20c", "rtmp://h.example/live/a%2Fb%20c"),
    _rtmp(RUN, "rtmp://h.example/live", f"{KEY}#top", f"rtmp://h.example/live/{KEY}#top"),
    _rtmp(RUN, "rtmp://h.example/live", "schlüssel", "rtmp://h.example/live/schlüssel"),
    _rtmp(RUN, "rtmp://h.example/live", "-dash", "rtmp://h.example/live/-dash"),
    _rtmp("OBS Studio, librtmp/parseurl.c: no application", "rtmp://h.example", KEY, None),
    # -- whole addresses, with the key in them --
    Rtmp("VideoSDK, livestream: upstreamUrl", f"rtmp://live.zujonow.com/live/{KEY}", KEY,
         "rtmp://live.zujonow.com/live", "live", KEY, f"rtmp://live.zujonow.com/live/{KEY}"),
    Rtmp("SRS, RTMP URL/Vhost", f"rtmp://h.example/live/{KEY}?vhost=a.example", KEY,
         f"rtmp://h.example/live/{KEY}?vhost=a.example", "live", f"{KEY}?vhost=a.example",
         f"rtmp://h.example/live/{KEY}?vhost=a.example"),
    Rtmp("Alibaba Cloud ApsaraVideo Live, URL signing",
         f"rtmp://push.example.com/app/stream?auth_key={KEY}", KEY,
         f"rtmp://push.example.com/app/stream?auth_key={KEY}", "app", f"stream?auth_key={KEY}",
         f"rtmp://push.example.com/app/stream?auth_key={KEY}"),
    Rtmp(RUN, f"rtmp://h.example/live/{KEY}?policy=a/b", KEY,
         f"rtmp://h.example/live/{KEY}?policy=a/b", "live", f"{KEY}?policy=a/b", None),
    Rtmp("MediaMTX, publish with RTMP: the path is all", f"rtmp://h.example/{KEY}", KEY,
         f"rtmp://h.example/{KEY}", KEY, "", f"rtmp://h.example/{KEY}"),
    Rtmp("MediaMTX, authentication: user and password in the query",
         f"rtmp://h.example/{KEY}?user=u&pass=p", KEY, f"rtmp://h.example/{KEY}?user=u&pass=p",
         f"{KEY}?user=u&pass=p", "", f"rtmp://h.example/{KEY}?user=u&pass=p"),
    # -- keys in a server that also needs them as the name --
    Rtmp("OBS Studio: server and key apart", f"rtmp://h.example/{KEY}/live", KEY,
         f"rtmp://h.example/{KEY}/live", f"{KEY}/live", KEY, f"rtmp://h.example/{KEY}/live/{KEY}"),
    Rtmp("OBS Studio: server and key apart", f"rtmp://h.example/live?key={KEY}", KEY,
         f"rtmp://h.example/live?key={KEY}", f"live?key={KEY}", KEY,
         f"rtmp://h.example/live?key={KEY}/{KEY}"),
]  # fmt: skip


class Srt(NamedTuple):
    """An SRT ingest.

    Attributes:
        source: The source of the form: a vendor or server, and its page.
        url: The address, as the vendor writes it.
        key: The key, if there is one.
        passphrase: The passphrase, if there is one.
        streamid: The ``streamid`` that libsrt must read.
        joined: Everything in one URL, or ``None`` if no URL can express it.
    """

    source: str
    url: str
    key: str | None
    passphrase: str | None
    streamid: str
    joined: str | None


SRT = [
    Srt("Mux, Use SRT to live stream", "srt://global-live.mux.com:6001", "abc-123-def-456",
        "GHI789JKL101112", "abc-123-def-456",
        "srt://global-live.mux.com:6001?streamid=abc-123-def-456&passphrase=GHI789JKL101112"),
    Srt("Cloudflare Stream, live inputs: srt.url, .streamId and .passphrase",
        "srt://live.cloudflare.com:778", KEY, PASSPHRASE, KEY,
        f"srt://live.cloudflare.com:778?streamid={KEY}&passphrase={PASSPHRASE}"),
    Srt("api.video, SRT ingest", f"srt://broadcast.api.video:6200?streamid={KEY}", KEY, None, KEY,
        f"srt://broadcast.api.video:6200?streamid={KEY}"),
    Srt("MediaMTX, SRT clients", "srt://h.example:8890?pkt_size=1316", "publish:mystream", None,
        "publish:mystream", "srt://h.example:8890?pkt_size=1316&streamid=publish:mystream"),
    Srt("SRS, SRT URL", "srt://h.example:10080", "#!::r=live/livestream,m=publish", None,
        "#!::r=live/livestream,m=publish",
        "srt://h.example:10080?streamid=#!::r=live/livestream,m=publish"),
    Srt("Flussonic, publishing SRT streams", "srt://h.example:9998?streamid=#!::r=a,m=publish",
        None, PASSPHRASE, "#!::r=a,m=publish",
        f"srt://h.example:9998?streamid=#!::r=a,m=publish&passphrase={PASSPHRASE}"),
    Srt("AWS Elemental MediaLive, SRT listener: no streamid", "srt://h.example:5000", None,
        PASSPHRASE, "", f"srt://h.example:5000?passphrase={PASSPHRASE}"),
    Srt(RUN, "SRT://h.example:9000/", KEY, None, KEY, f"srt://h.example:9000?streamid={KEY}"),
    Srt(RUN, "srt://h.example:9000/live", KEY, None, KEY,
        f"srt://h.example:9000/live?streamid={KEY}"),
    Srt(RUN, "srt://h.example:9000?mode=caller&streamid=&latency=200000", KEY, None, KEY,
        f"srt://h.example:9000?mode=caller&latency=200000&streamid={KEY}"),
    Srt(RUN, f"srt://h.example:9000?streamid=own&passphrase={PASSPHRASE}", KEY, "an0ther-phrase",
        "own", f"srt://h.example:9000?streamid=own&passphrase={PASSPHRASE}"),
    Srt(RUN, "srt://h.example:9000", "a&b", None, "a&b", None),
    Srt(RUN, "srt://h.example:9000", "a+b", None, "a+b", None),
    Srt(RUN, "srt://h.example:9000", "a b", None, "a b", None),
    Srt(RUN, "srt://h.example:9000", "a%26b", None, "a%26b", None),
    Srt(RUN, "srt://h.example:9000", "a=b/c:d,e@f?g", None, "a=b/c:d,e@f?g",
        "srt://h.example:9000?streamid=a=b/c:d,e@f?g"),
    Srt(RUN, "srt://h.example:9000", "schlüssel", None, "schlüssel",
        "srt://h.example:9000?streamid=schlüssel"),
    Srt(RUN, "srt://h.example:9000", KEY, "a+b&c%26-phrase", KEY, None),
    Srt("SRT, API-socket-options.md: SRTO_STREAMID", "srt://h.example:9000", "k" * 512, None,
        "k" * 512, f"srt://h.example:9000?streamid={'k' * 512}"),
]  # fmt: skip


class Whip(NamedTuple):
    """A WHIP ingest.

    Attributes:
        source: The source of the form: a vendor or server, and its page.
        url: The address, which stays unchanged.
        key: The key, if there is one.
        token: The bearer token, or empty.
    """

    source: str
    url: str
    key: str | None
    token: str


WHIP = [
    Whip("Cloudflare Stream, live inputs: webRTC.url",
         f"https://customer-a1.cloudflarestream.com/{KEY}/webRTC/publish", KEY, ""),
    Whip("Amazon IVS Real-Time, OBS and WHIP", "https://global.whip.live-video.net", KEY, KEY),
    Whip("Agora Media Gateway, WHIP streaming", "https://whip-rtcpush-prod-na.agoramdn.com/whip",
         KEY, KEY),
    Whip("MediaMTX, WebRTC clients", "http://h.example:8889/mystream/whip", None, ""),
    Whip("SRS, WHIP", "http://h.example:1985/rtc/v1/whip/?app=live&stream=livestream", None, ""),
    Whip("Dolby Millicast, Director: Whip", "https://director.millicast.com/api/whip/stream", KEY,
         KEY),
    Whip("RFC 9725, 4.2: the address is the vendor's to choose", f"https://h.example/whip/{KEY}",
         KEY, ""),
]  # fmt: skip


class Hls(NamedTuple):
    """A playback URL.

    Attributes:
        source: The source of the form: a vendor or server, and its page.
        url: The address.
        kind: The kind of playback.
        is_secret: Whether its form shows that it contains a secret.
    """

    source: str
    url: str
    kind: str
    is_secret: bool


HLS = [
    Hls("RFC 8216, 4: .m3u8", "https://h.example/a/index.m3u8", "hls", False),
    Hls("RFC 8216, 4: .m3u", "https://h.example/a/index.m3u", "hls", False),
    Hls("RFC 3986, 3.1 and 3.2.2", "HTTPS://H.EXAMPLE/A/INDEX.M3U8", "hls", False),
    Hls("RFC 3986, 3.2.2", "https://[2001:db8::7]:8443/a/index.m3u8", "hls", False),
    Hls("RFC 3986, 3.2.3", "http://h.example:8080/hls/stream.m3u8", "hls", False),
    Hls("RFC 3986, 3.5", "https://h.example/a/index.m3u8#t=10", "hls", False),
    Hls("RFC 3986, 3.3: a path that goes on is another", "https://h.example/a/index.m3u8/", "page",
        False),
    Hls("RFC 3986, 3.4: a suffix in a query is none",
        "https://player.example/?src=index.m3u8", "page", False),
    Hls("ISO/IEC 23009-1: .mpd", "https://h.example/a/manifest.mpd?x=1", "dash", False),
    Hls("draft-pantos-hls-rfc8216bis, 6.2.5.2: a blocking reload of Low-Latency HLS",
        "https://h.example/a/playlist.m3u8?_HLS_msn=273&_HLS_part=2", "hls", False),
    Hls("draft-pantos-hls-rfc8216bis, 6.2.5.1: a delta update of Low-Latency HLS",
        "https://h.example/a/playlist.m3u8?_HLS_skip=YES", "hls", False),
    Hls("OvenMediaEngine, Low-Latency HLS", "https://ome.example:3334/app/stream/llhls.m3u8", "hls",
        False),
    Hls("OvenMediaEngine, SignedPolicy",
        "https://ome.example:3334/app/stream/llhls.m3u8?policy=eyJ1Ijox&signature=hN-2_Qk", "hls",
        True),
    Hls("Flussonic, Low-Latency HLS", "https://h.example/stream/index.ll.m3u8", "hls", False),
    Hls("Mux, playback URLs", "https://stream.mux.com/a4nOgmxGWg6gULfcBbAa00gXyfcwPnAFldF8RdsNyk8M.m3u8",
        "hls", False),
    Hls("Mux, secure video playback: a JSON web token",
        "https://stream.mux.com/a4nOgmx.m3u8?token=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
        "hls", True),
    Hls("Cloudflare Stream, manifest", "https://customer-a1.cloudflarestream.com/7de6a3f/manifest/video.m3u8",
        "hls", False),
    Hls("Cloudflare Stream, manifest", "https://customer-a1.cloudflarestream.com/7de6a3f/manifest/video.mpd",
        "dash", False),
    Hls("Cloudflare Stream, signed URLs: the token in place of the id",
        "https://customer-a1.cloudflarestream.com/"
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln/manifest/video.m3u8", "hls", True),
    Hls("Amazon IVS, private channels",
        "https://a1b2.us-west-2.playback.live-video.net/api/video/v1/"
        "us-west-2.123456789012.channel.AbCd.m3u8?token=eyJhbGciOiJFUzM4NCJ9.eyJhIjoxfQ.c2ln",
        "hls", True),
    Hls("Amazon CloudFront, signed URLs with a custom policy",
        "https://d1.cloudfront.net/a.m3u8?Policy=eyJ-_~&Signature=abc~&Key-Pair-Id=K1", "hls", True),
    Hls("AWS Elemental MediaPackage", "https://c1.mediapackage.us-west-2.amazonaws.com/out/v1/0a/index.m3u8",
        "hls", False),
    Hls("Akamai, Auth Token 2.0 in the query",
        "https://h.example/i/a/master.m3u8?hdnea=st=1~exp=2~acl=/*~hmac=0f", "hls", True),
    Hls("Akamai, Auth Token 2.0 in the path",
        "https://h.example/exp=2~acl=/*~hmac=0f/a/master.m3u8", "hls", True),
    Hls("Google Cloud Media CDN, signed tokens in the path",
        "https://h.example/edge-cache-token=Expires=1~Signature=abc/a/index.m3u8", "hls", True),
    Hls("bunny.net, directory tokens",
        "https://h.example/bcdn_token=abc&expires=2&token_path=%2Fa/playlist.m3u8", "hls", True),
    Hls("Wowza Streaming Engine", "https://wowza.example/live/myStream/playlist.m3u8", "hls", False),
    Hls("Wowza Streaming Engine, SecureToken",
        "https://wowza.example/live/myStream/playlist.m3u8?wowzatokenendtime=2&wowzatokenhash=ab",
        "hls", True),
    Hls("Nimble Streamer, WMSAuth", "https://h.example/live/a/playlist.m3u8?wmsAuthSign=c2Vy", "hls",
        True),
    Hls("Kaltura, playManifest",
        "https://cdnapisec.kaltura.com/p/1/sp/100/playManifest/entryId/1_a/format/applehttp/"
        "protocol/https/a.m3u8", "hls", False),
    Hls("nginx, secure_link", "https://h.example/hls/a.m3u8?md5=abc&expires=2", "hls", True),
    Hls("Azure Media Services, dynamic packaging: HLS with CMAF",
        "https://a.streaming.media.azure.net/0a/b.ism/manifest(format=m3u8-cmaf)", "hls", False),
    Hls("Azure Media Services, dynamic packaging: HLS with encryption",
        "https://a.streaming.media.azure.net/0a/b.ism/"
        "manifest(format=m3u8-aapl,encryption=cbcs-aapl)", "hls", False),
    Hls("Azure Media Services, dynamic packaging: DASH",
        "https://a.streaming.media.azure.net/0a/b.ism/manifest(format=mpd-time-cmaf)", "dash", False),
    Hls("Azure Media Services, dynamic packaging: Smooth Streaming",
        "https://a.streaming.media.azure.net/0a/b.ism/manifest", "page", False),
]  # fmt: skip
