"""Where the instructions of a case go: by function, by operator, and by line of Python."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A function of a library, or an operator of torch, and the instructions of one call that go there.

    Of a function they are its own, without those of what it calls; of an operator all that ran within it.
    """

    name: str
    instructions: float


@dataclass(frozen=True)
class Line:
    """A line of Python and what one call does there.

    ``file`` is relative to the project where it lies there, else to the folder of packages. ``text`` is the line
    without its margin, by which it is known again where ``number`` moved. ``operators`` counts the calls of torch's
    operators that begin there, ``bytecodes`` the steps of the interpreter.
    """

    file: str
    function: str
    number: int
    text: str
    bytecodes: int
    operators: int


@dataclass(frozen=True)
class Profile:
    """Where the instructions of one call go, the largest first; what is below a stated share is left out."""

    functions: tuple[Place, ...] = ()
    operators: tuple[Place, ...] = ()
    lines: tuple[Line, ...] = ()
