from .extraction import extract_folder as extract_folder
from .frames import VideoInfo as VideoInfo
from .frames import iter_frames as iter_frames
from .frames import probe as probe
from .frames import read_frames as read_frames
from .frames import write_video as write_video
from .vgg import VGGFrames as VGGFrames
from .vgg import extract_video as extract_video
