"""What several models of a process hold once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakValueDictionary


class Shared:
    """Values by what they are made from, for as long as someone holds them."""

    def __init__(self) -> None:
        self._values: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._renew_lock()
        if hasattr(os, "register_at_fork"):  # another thread may have held it
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()

    def value(self, key: Callable[[], Hashable], make: Callable[[], Any]) -> Any:
        """The value of ``key()`` that there is, or what ``make()`` returns.

        That is kept only if the key is still the same then: nothing changed while it was made.
        Threads that want a value at the same time wait until one has made it.
        """
        with self._lock:
            before = key()
            value = self._values.get(before)
            if value is None:
                value = make()
                if key() == before:
                    self._values[before] = value
            return value
