"""Clips and sounds that a filter of FFmpeg changes, as new files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.containers import open_container
from dj_assets.media.feature import ClipFeature, SoundFeature
from dj_assets.media.frames import known
from dj_assets.media.h264 import h264_stream, set_size
from dj_assets.media.making import NewClip, NewSound
from dj_assets.media.sound import OpenSound

if TYPE_CHECKING:
    from av.filter import Graph

# Frames between two signs of life of the encoder.
_FRAMES_A_SIGN = 10
# Filters of one input and one output that open no file and no address by themselves.
KNOWN = frozenset(
    """
    acompressor acontrast acopy acrusher adeclick adeclip adelay adenorm aderivative adynamicequalizer
    adynamicsmooth aecho aemphasis aeval aexciter afade afftdn afftfilt aformat afreqshift afwtdn agate aiir
    aintegral alimiter allpass aloop anequalizer anlmdn anull apad aphaser aphaseshift apsyclip apulsator aresample
    areverse asetnsamples asetpts asetrate asettb asoftclip asubboost asubcut asupercut asuperpass asuperstop atempo
    atilt atrim bandpass bandreject bass biquad channelmap chorus compand compensationdelay crossfeed crystalizer
    dcshift deesser dialoguenhance dynaudnorm earwax equalizer extrastereo firequalizer flanger haas hdcd highpass
    highshelf loudnorm lowpass lowshelf mcompand pan replaygain silenceremove speechnorm stereotools stereowiden
    superequalizer surround tiltshelf treble tremolo vibrato virtualbass volume

    amplify atadenoise avgblur backgroundkey bilateral bitplanenoise bm3d boxblur bwdif cas chromahold chromakey
    chromanr chromashift colorbalance colorchannelmixer colorcontrast colorcorrect colorhold colorize colorkey
    colorlevels colormatrix colorspace colortemperature convolution copy crop cropdetect curves dblur dctdnoiz
    deband deblock decimate deflate deflicker dejudder delogo derain deshake despill detelecine dilation doubleweave
    drawbox drawgrid edgedetect elbg epx eq erosion estdif exposure fade fftdnoiz fftfilt field fieldorder
    fillborders floodfill format fps framerate framestep fspp gblur geq gradfun grayworld greyedge hflip histeq
    histogram hqdn3d hqx hsvhold hsvkey hue huesaturation il inflate kerndeint kirsch lagfun lenscorrection limiter
    loop lumakey lut lutrgb lutyuv maskfun median minterpolate monochrome mpdecimate negate nlmeans noformat noise
    normalize null owdenoise pad perspective phase photosensitivity pixelize pp pp7 prewitt pseudocolor pullup qp
    random removegrain repeatfields reverse rgbashift roberts rotate sab scale scharr scroll selectivecolor
    separatefields setdar setfield setparams setpts setrange setsar settb shear shuffleframes shufflepixels
    shuffleplanes smartblur sobel spp stereo3d super2xsai swaprect swapuv tblend telecine thumbnail tile tinterlace
    tmedian tmidequalizer tmix tonemap tpad transpose trim unsharp untile uspp v360 vaguedenoiser varblur vflip
    vibrance vignette w3fdif weave xbr yadif yaepblur zoompan
    """.split()
)
# Options of these filters that write or read a file.
_FILE_OPTIONS = frozenset({"dumpfile", "filename", "plot", "psfile", "stats_file"})


@dataclass(frozen=True)
class FrameFilter:
    """Hold the name of a filter of FFmpeg and its options, each a name and a value."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def problem(self) -> str | None:
        """Return why the filter is not run, None if it is."""
        if self.name not in KNOWN:
            return f"{self.name!r} is none of the filters that are known to open no file (docs/security.md)"
        reached = sorted(name for name, _ in self.options if name in _FILE_OPTIONS)
        return f"{reached[0]!r} of {self.name} names a file, which operators may not open" if reached else None

    def filtered(self, frames: Iterable[Any], source: str) -> Iterator[Any]:
        """Yield what the filter makes of frames; `source` is the name of the first frame's kind of buffer."""
        import av

        graph: Graph | None = None
        sink: Any = None
        for frame in frames:
            if graph is None:
                graph = av.filter.Graph()
                sink = self._built(graph, source, frame)
            graph.push(frame)
            yield from _pulled(sink)
        if graph is not None:
            graph.push(None)
            yield from _pulled(sink)

    def _built(self, graph: Graph, source: str, frame: Any) -> Any:  # noqa: ANN401 - frames of two kinds
        """Build the graph for frames like one, and return its end."""
        if source == "abuffer":
            first = graph.add_abuffer(
                format=frame.format.name,
                sample_rate=frame.sample_rate,
                layout=frame.layout.name,
                time_base=frame.time_base,
            )
        else:
            first = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format.name, time_base=frame.time_base
            )
        try:
            middle = graph.add(self.name, **dict(self.options))
        except (ValueError, LookupError, OSError) as error:
            raise MediaError(f"the filter {self.name!r} cannot be built: {error}") from None
        last = graph.add("abuffersink" if source == "abuffer" else "buffersink")
        first.link_to(middle)
        middle.link_to(last)
        graph.configure()
        return last


def _pulled(sink: Any) -> Iterator[Any]:  # noqa: ANN401 - frames of two kinds
    import av

    while True:
        try:
            yield sink.pull()
        except (BlockingIOError, EOFError, av.error.BlockingIOError, av.error.EOFError):
            return


@dataclass(frozen=True)
class FilteredClip(NewClip):
    """Make an MP4 file of the filtered frames of a clip, encoded as H.264 by one thread; sound is left out."""

    suffix: ClassVar[str] = ".mp4"
    decoded_for: ClassVar[None] = None

    filter: FrameFilter

    def __call__(self, clip: OpenClip) -> bytes:
        """Return the content of the new file.

        Raises
        ------
        MediaError
            If the filter is none of FFmpeg, leaves no frames, or cannot be used with these frames.
        """
        import av

        content = io.BytesIO()
        count = 0
        with open_container(clip.location) as source:
            stream = known(next(iter(source.streams.video), None))
            stream.codec_context.thread_count = 1
            try:
                with av.open(content, "w", "mp4") as new:
                    encoder = h264_stream(new, stream)
                    for frame in self.filter.filtered(self._timed(clip, source.decode(stream)), "buffer"):
                        if not count:
                            set_size(encoder, frame.width, frame.height)
                            encoder.codec_context.time_base = frame.time_base or Fraction(1, 90_000)
                        frame.pict_type = 0
                        new.mux(encoder.encode(frame.reformat(encoder.width, encoder.height, encoder.pix_fmt)))
                        count += 1
                    if count:
                        new.mux(encoder.encode(None))
            except (av.FFmpegError, ValueError) as error:
                raise MediaError(f"the filter {self.filter.name!r} fails: {error}") from None
        if not count:
            raise MediaError(f"the filter {self.filter.name!r} leaves no frames")
        return content.getvalue()

    def _timed(self, clip: OpenClip, frames: Iterable[Any]) -> Iterator[Any]:
        for number, frame in enumerate(frames):
            if number % _FRAMES_A_SIGN == 0:
                clip.still_alive()
            if frame.pts is not None:
                yield frame


@dataclass(frozen=True)
class FilteredSound(NewSound):
    """Make a WAV file of 16 bits of the filtered sound."""

    filter: FrameFilter

    def __call__(self, sound: OpenSound) -> bytes:
        """Return the content of the new file.

        Raises
        ------
        MediaError
            If the filter is none of FFmpeg, leaves no sound, or cannot be used with this one.
        """
        import av

        from dj_assets.media.wave_file import wave_file

        try:
            return wave_file(self.filter.filtered(sound.frames(), "abuffer"))
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(f"the filter {self.filter.name!r} fails: {error}") from None


@dataclass(frozen=True)
class FilteredClips(ClipFeature[tuple[FilteredClip, ...]]):
    """Filter every clip; without a filter, none."""

    decoded_for: ClassVar[None] = None

    filter: FrameFilter | None

    def __call__(self, clip: OpenClip) -> tuple[FilteredClip, ...]:  # noqa: ARG002
        """Return the new file, or none."""
        return (FilteredClip(self.filter),) if self.filter else ()


@dataclass(frozen=True)
class FilteredSounds(SoundFeature[tuple[FilteredSound, ...]]):
    """Filter every sound; without a filter, none."""

    filter: FrameFilter | None

    def __call__(self, sound: OpenSound) -> tuple[FilteredSound, ...]:  # noqa: ARG002
        """Return the new file, or none."""
        return (FilteredSound(self.filter),) if self.filter else ()
