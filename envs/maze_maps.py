"""The mazes as data: walls, start, goal, and the cells that the `play` datasets start and end in.

Typed after D4RL's ant mazes (Fu et al. 2020, `maze_env.py`): `walls`, start and goal are its evaluation maps,
and `landmarks` are the goals that its maps for data collection mark. `ultra` is no map of D4RL's: it comes
from a fork of it (Jiang et al. 2023, "Efficient Planning in a Compact Latent Action Space"), and is known
here second-hand, from `maze_env.py` in github.com/kwanyoungpark/LEQ.
"""

from dataclasses import dataclass

import numpy as np

Cell = tuple[int, int]  # row and column, counted from the upper left corner

WALL, FREE, START, GOAL, LANDMARK = "#", ".", "S", "G", "L"


@dataclass(frozen=True)
class MazeMap:
    """One maze, drawn with `#` wall, `.` free, `S` start, `G` goal, `L` another landmark.

    Raises:
        ValueError: rows of different lengths, an unknown sign, an open border, or not exactly one start and
            one goal; the message names the maze and the place.
    """

    name: str
    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        if len({len(row) for row in self.rows}) != 1:
            raise ValueError(f"maze {self.name}: rows must have one length, got {[*map(len, self.rows)]}")
        signs = {sign for row in self.rows for sign in row}
        if signs - {WALL, FREE, START, GOAL, LANDMARK}:
            raise ValueError(f"maze {self.name}: cells must be one of # . S G L, got {sorted(signs)}")
        for sign, what in ((START, "start"), (GOAL, "goal")):
            if len(self._cells(sign)) != 1:
                raise ValueError(f"maze {self.name} must have one {what}, got {self._cells(sign)}")
        walls = self.walls
        if not (walls[0].all() and walls[-1].all() and walls[:, 0].all() and walls[:, -1].all()):
            raise ValueError(f"maze {self.name} is open at its border")

    @property
    def walls(self) -> np.ndarray:
        """Returns [rows, columns] bool: True where there is a wall."""
        return np.array([[sign == WALL for sign in row] for row in self.rows])

    @property
    def start(self) -> Cell:
        """Returns the cell in which an evaluated episode starts."""
        return self._cells(START)[0]

    @property
    def goal(self) -> Cell:
        """Returns the cell in which it ends with success."""
        return self._cells(GOAL)[0]

    @property
    def free_cells(self) -> list[Cell]:
        """Returns every cell without a wall."""
        return [(int(row), int(column)) for row, column in np.argwhere(~self.walls)]

    @property
    def landmarks(self) -> list[Cell]:
        """Returns the hand-picked cells of the `play` datasets: start, goal, and the others."""
        return sorted(self._cells(START) + self._cells(GOAL) + self._cells(LANDMARK))

    def _cells(self, sign: str) -> list[Cell]:
        return [(r, c) for r, row in enumerate(self.rows) for c, here in enumerate(row) if here == sign]


MAPS = {
    maze.name: maze
    for maze in (
        MazeMap("umaze", ("#####", "#S..#", "###.#", "#G..#", "#####")),
        MazeMap(
            "medium",
            (
                "########",
                "#S.##..#",
                "#..#..L#",
                "##...###",
                "#..#...#",
                "#L#..#.#",
                "#...#LG#",
                "########",
            ),
        ),
        MazeMap(
            "large",
            (
                "############",
                "#S...#L....#",
                "#.##.#.#.#.#",
                "#....L.#..L#",
                "#.####.###.#",
                "#.L#.#.....#",
                "##.#.#.#.###",
                "#..#L.L#.G.#",
                "############",
            ),
        ),
        MazeMap(
            "ultra",
            (
                "################",
                "#S..L...#..L..L#",
                "#.###L#.#L##.#.#",
                "#.###.#L...#.#.#",
                "#..L#.##.###L#.#",
                "#L#...#L..L...L#",
                "#...#L..#.###.##",
                "#.#L###.#..L#.##",
                "#L.....L#.#..L.#",
                "##.##L#...####.#",
                "##.#..#.#L....G#",
                "################",
            ),
        ),
    )
}
