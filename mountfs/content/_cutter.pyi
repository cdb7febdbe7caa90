from typing_extensions import Buffer

MINIMUM: int
NORMAL: int
MAXIMUM: int
STRICT_BITS: int
LOOSE_BITS: int

class Cutter:
    def __init__(
        self,
        minimum: int = ...,
        normal: int = ...,
        maximum: int = ...,
        strict_bits: int = ...,
        loose_bits: int = ...,
    ) -> None: ...
    @property
    def pending(self) -> int: ...
    def next_cut(self, data: Buffer, start: int = 0) -> int: ...
    def cuts(self, data: Buffer) -> list[int]: ...
