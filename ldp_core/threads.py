"""One door to the compiled loops that run on several threads.

numba's default thread layer ends the process when two threads enter it at once, so whoever starts a threaded loop holds this lock.
"""

import threading

__all__ = ["threaded_loops"]

threaded_loops = threading.Lock()
