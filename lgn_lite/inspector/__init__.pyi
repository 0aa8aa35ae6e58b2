from .report import write_report as write_report
from .server import serve as serve
from .widget import Inspector as Inspector
