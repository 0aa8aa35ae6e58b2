"""One pass over the pictures of a video file: the frames in order of display, and when each is shown.

Frames decide, not headers: where a file's clock starts again or jumps, or the picture continues past the stated
end, all frames are taken; what is lost is counted. `Pictures.finish` says all that in one warning, or refuses.
"""

import heapq
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.codec.context import Flags as CodecFlags
from av.format import Flags as FormatFlags

from lgn_lite.errors import InputError
from lgn_lite.video.containers import stated_end, videos_in

TOLERANCE = 5e-4  # seconds; Matroska and FLV round time stamps to whole milliseconds
MAX_LOST = 0.5  # share of the pictures that may be undecodable; a file with more is refused
MAX_GAP = 3600.0  # seconds that one picture may be shown; a longer gap is a clock that jumped
MAX_GAP_BROADCAST = 10.0  # the same in MPEG-TS and MPEG-PS, whose clocks may jump; FFmpeg's own bound
MAX_BACK = 0.5  # seconds by which time stamps may be out of order; further back they start again


class VideoWarning(UserWarning):
    """What is odd about a video file that was read all the same."""


class Pictures:
    """The picture stream of an opened file; either `frames` or `scan`, then `finish`.

    `end` is where the picture ends so far, in seconds from the file's first time stamp, as all times here.
    """

    def __init__(self, path: str | Path, container, stream, max_lost: float = MAX_LOST):
        self.path, self.container, self.stream, self.max_lost = path, container, stream, max_lost
        self.start = (container.start_time or 0) / av.time_base
        self.stated, self.own = stated_end(container, stream)
        # FLV's length counts from zero or from the first time stamp, nobody knows: it is only roughly believed.
        self._rough = self.start if container.format.name == "flv" else 0.0
        self.end = 0.0
        self.packets, self.lost, self.damaged = 0, 0, 0  # pictures in the file; not decodable; shown with errors
        self.jumps: list[float] = []  # where the clock jumped or started again, in seconds
        self.past = False  # whether the picture continues past the stated end
        broadcast = FormatFlags.ts_discont.value & container.format.flags
        self._gap = MAX_GAP_BROADCAST if broadcast else MAX_GAP
        self._without_pts = container.format.name == "avi"  # FFmpeg guesses them, wrongly with B-frames
        self._due: list[int] = []  # AVI: time stamps of packets whose frame is still to come, a heap
        self._offset = self._before = 0.0  # what is added to the clock now; and what was before it last jumped
        self._step = 0.04  # seconds between the last two pictures
        self._lost_at: list[float] = []  # where the first and the last of those are
        self._packet_end = self._all_end = 0.0  # as the packets say: of the picture, of all streams
        self._dts: int | None = None  # of the packet before
        self._regular = True  # whether packets alone say when the picture ends
        self._failed: av.error.FFmpegError | None = None  # what ended the reading before the end of the file
        self._packets = self._demuxed()

    def frames(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """Every frame in order of display, with the time in seconds from which it is shown."""
        count, time, shown, timed = 0, None, 0.0, False  # shown: for how long the frame before is
        for packet in self._packets:
            for frame in self._decode(packet):
                stamp = self._stamp(frame)
                seconds = self._seconds(frame)
                timed = timed or stamp is not None
                if stamp is not None:
                    time = self._joined(stamp, time, shown, frame.key_frame)
                elif timed:
                    time += shown
                else:  # a raw stream has no time stamps: its frames are evenly spaced
                    time = (count + self.lost) * seconds
                self.end, shown = max(self.end, time + seconds), seconds
                if frame.is_corrupt:
                    self.damaged += 1
                    self._note_lost(time)
                count += 1
                self._show_damaged()
                yield time, frame

    def scan(self) -> None:
        """Go through the rest of the packets without decoding, which is fast, unless only frames show the end."""
        for _ in self._packets:
            pass
        self.end = max(self.end, self._packet_end)

    @property
    def regular(self) -> bool:
        """Whether the packets so far have time stamps in order, so that `scan` and `frames` find the same end."""
        return self._regular

    def finish(self, check: bool = True, warn: bool = True) -> float:
        """The end of the picture in seconds: the stated one, or if the frames continue past it, theirs.

        Warns, once, of what is odd. Raises InputError, where `check`, for a file that is cut off or mostly lost.
        """
        end, whole = self.end, self._packet_end if self._regular and self._packet_end else self.end
        if check:
            self._check(end, whole)
        notes = []
        if check and (self.lost or self.damaged):
            many = f"{self.lost or self.damaged} of {self.packets} pictures "
            many += "cannot be decoded" if self.lost else "decode with errors"
            more = f", {self.damaged} others decode with errors" if self.lost and self.damaged else ""
            notes.append(f"{many}{more}, {self._where_lost()}; the rest is used, as players do")
        if self.jumps:
            times = "" if len(self.jumps) == 1 else f", {len(self.jumps)} times"
            notes.append(f"its clock starts again or jumps at {self.jumps[0]:.1f} s{times}; the parts are joined")
        if self.stated is not None and whole > self.stated + self._rough + max(self._seconds(None), 0.02) + TOLERANCE:
            self.past = True
            if not self.jumps:
                notes.append(
                    f"the picture continues to {whole:.1f} s, past the {self.stated:.1f} s stated; all is taken"
                )
        elif check and not self.jumps and self._pictures_own and self.stated and self.stated - end > 1.0:
            notes.append(f"the picture stops at {end:.1f} s of {self.stated:.1f} s; its last frame fills the rest")
        if (videos := videos_in(self.path, self.container)) > 1:
            notes.append(f"it is {videos} files in one, of which the first is read, as players do; split them")
        if notes and warn:
            warnings.warn(f"{self.path}: {'; '.join(notes)}", VideoWarning, stacklevel=3)
        believed = self.stated and self._pictures_own and not (self._rough or self.past or self.jumps)
        return self.stated if believed else whole if self._regular else round(whole, 6)

    # ---- packets

    def _demuxed(self) -> Iterator[av.Packet | None]:
        """The packets of the picture, then None; on the way, where it and all streams end."""
        streams = [self.stream] if self.own else None  # the other streams only when their end is requested
        highest: float | None = None
        for packet in self._read(streams):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None:
                self._all_end = max(self._all_end, self._time(stamp + (packet.duration or 0), packet))
            if packet.stream_index != self.stream.index:
                continue
            if not packet.size:
                continue  # the end; or, in AVI, a picture that stays
            if not packet.is_discard:
                self.packets += 1
                if self._without_pts and packet.dts is not None:
                    stamp = packet.dts
                    heapq.heappush(self._due, stamp)
                highest = self._follow(packet, stamp, highest)
            yield packet
        yield None  # makes the decoder give what it still holds

    def _follow(self, packet: av.Packet, stamp: int | None, highest: float | None) -> float | None:
        """Note where the picture ends and whether time continues; the highest time so far."""
        if stamp is None:
            self._regular = False
            return highest
        time, seconds = self._time(stamp, packet), float((packet.duration or 0) * packet.time_base)
        ahead = time - (highest if highest is not None else min(time, 0.0))
        if packet.dts is not None:
            self._regular &= self._dts is None or packet.dts >= self._dts
            self._dts = packet.dts
        self._regular &= -max(MAX_BACK, 8 * seconds) <= ahead <= self._gap
        shown = self._bounded(seconds)
        # not time + seconds, which rounds twice
        end = self._time(stamp + packet.duration, packet) if shown == seconds else time + shown
        self._packet_end = max(self._packet_end, end)
        return time if highest is None else max(highest, time)

    def _time(self, stamp: int, packet: av.Packet) -> float:
        return float(stamp * packet.time_base) - self.start

    def _read(self, streams) -> Iterator[av.Packet]:
        """FFmpeg's packets; where one cannot be read, those after it."""
        for _ in range(100):
            try:
                for packet in self.container.demux(streams) if streams else self.container.demux():
                    if packet.size:
                        self._failed = None  # it continues
                    yield packet
                return
            except av.error.InvalidDataError as error:
                self._failed = error
            except IndexError:  # PyAV's own, at the end, where streams appeared on the way (broadcasts)
                return
            except av.error.FFmpegError as error:  # a disc or a network that fails, not the file
                raise self._broken(error) from error

    def _decode(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        try:
            return self.stream.decode(packet)
        except av.error.BlockingIOError:  # the decoder is stuck on what it could not read
            self.stream.codec_context.flush_buffers()
            self._lose(packet)
        except av.error.EOFError:
            pass
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, MemoryError):
                raise
            self._lose(packet)
        return []

    def _lose(self, packet: av.Packet | None) -> None:
        self.lost += 1
        self._show_damaged()
        stamp = packet and (packet.dts if self._without_pts else packet.pts)
        if stamp is not None and stamp in self._due:
            self._due.remove(stamp)
            heapq.heapify(self._due)
        self._note_lost(self.end if stamp is None else self._time(stamp, packet) + self._offset)

    def _note_lost(self, time: float) -> None:
        time = max(0.0, time)
        self._lost_at = [min([time, *self._lost_at]), max([time, *self._lost_at])]

    def _where_lost(self) -> str:
        first, last = (f"{time:.1f}" for time in self._lost_at)
        return f"at {first} s" if first == last else f"between {first} s and {last} s"

    def _show_damaged(self) -> None:
        """Take frames that follow lost ones, as players do.

        Not before the first frame: a recording that begins between two key frames begins with the second.
        """
        flags = self.stream.codec_context.flags
        if not flags & CodecFlags.output_corrupt.value:
            self.stream.codec_context.flags = flags | CodecFlags.output_corrupt.value

    # ---- times

    def _stamp(self, frame: av.VideoFrame) -> float | None:
        """The file's own time of a frame, in seconds from its first time stamp."""
        if self._without_pts:  # frames come in order of display: each has the lowest time that is due
            return float(heapq.heappop(self._due) * self.stream.time_base) - self.start if self._due else None
        return None if frame.pts is None else float(frame.pts * self.stream.time_base) - self.start

    def _joined(self, stamp: float, last: float | None, shown: float, key: bool) -> float:
        """The time of a frame, counted on where the clock jumps or starts again."""
        if last is None:
            if abs(stamp) <= MAX_GAP:
                return stamp
            self._offset, _ = -stamp, self.jumps.append(0.0)  # the sound's clock is another one's
            return 0.0
        usual = min(shown, self._step)
        back = max(MAX_BACK / 5, 2 * usual) if key else max(MAX_BACK, 8 * usual)  # a recording begins with a key frame
        step = stamp + self._offset - last
        returned = stamp + self._before - last  # a single stamp that was wrong: the clock is as before
        if self.jumps and not -back <= step <= 1.0 and -back <= returned <= 1.0:
            self._offset, self._before, step = self._before, self._offset, returned
        if not -back <= step <= self._gap:
            self.jumps.append(last + shown)
            self._offset, self._before, step = last + shown - stamp, self._offset, shown
        if step > 0:
            self._step = step
        return max(last, stamp + self._offset)

    def _seconds(self, frame: av.VideoFrame | None) -> float:
        """How long one frame is shown."""
        return self._bounded(float(frame.duration * self.stream.time_base) if frame and frame.duration else 0.0)

    def _bounded(self, seconds: float) -> float:
        if 0 < seconds <= self._gap:
            return seconds
        average = float(1 / self.stream.average_rate) if self.stream.average_rate else 0.0
        return self._step if self.jumps or average > self._gap else average  # a jump spoils the average

    # ---- whether it is whole

    @property
    def _pictures_own(self) -> bool:
        """Whether the stated end is the picture's, not another stream's."""
        return self.own or len(self.container.streams) == 1

    def _check(self, end: float, whole: float) -> None:
        """InputError where too much is lost, or where the picture ends long before it should."""
        if self._failed and not self.stated:
            raise self._broken(self._failed)
        # The length of the whole file says nothing of the picture if there is sound too: then all streams count.
        found = end if self._pictures_own else max(end, self._all_end)
        for stated, reached in ((self.stated, found), (whole, end)):
            if stated and not self.jumps and stated - reached > max(1.0, 0.1 * stated):
                what = "picture" if reached == end else "file"
                raise InputError(
                    f"{self.path}: cut off: the {what} stops at {reached:.1f} s of {stated:.1f} s; copy it again"
                )
        if self.packets and self.lost > self.max_lost * self.packets:
            raise InputError(
                f"{self.path}: broken or cut off: {self.lost} of {self.packets} pictures cannot be decoded, more than "
                f"max_lost={self.max_lost:g}, {self._where_lost()}; copy it again"
            )

    def _broken(self, error: av.error.FFmpegError) -> InputError:
        return InputError(
            f"{self.path}: broken or cut off: not readable after {self.end:.1f} s ({error.strerror}); copy it again"
        )


def count(end: float, rate: float) -> int:
    """How many of the times 0, 1/rate, 2/rate … come before the end; at least one."""
    return max(1, math.ceil((end - TOLERANCE) * rate))
