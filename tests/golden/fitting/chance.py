"""The generator of `src/numbers/seeded_random.ts` (mulberry32), so that both sides draw alike."""

MASK = 0xFFFFFFFF


class Chance:
    def __init__(self, seed: int):
        self.state = seed & MASK

    def __call__(self) -> float:
        self.state = (self.state + 0x6D2B79F5) & MASK
        mixed = ((self.state ^ (self.state >> 15)) * (self.state | 1)) & MASK
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (mixed | 61) & MASK)) & MASK
        return ((mixed ^ (mixed >> 14)) & MASK) / 4294967296

    def draw(self, count: int, size: int) -> list:
        return [int(self() * count) for _ in range(size)]

    def mask(self, size: int, rate: float) -> list:
        return [1 / (1 - rate) if self() >= rate else 0.0 for _ in range(size)]
