"""The one error for bad input."""


class InputError(ValueError):
    """Bad input from outside: names the file and line, or the video, and says what to do about it.

    The command line prints it as one line, without a traceback.
    """
