"""Names inside a run's folder and a sweep's; no other module spells them.

Rows held out to measure on have theirs from `wsrl_mjx.data.held_out`, which knows of no runs.
"""

CONFIG = "config.json"
VERSIONS = "versions.json"
METRICS = "metrics.csv"
TENSORBOARD = "tensorboard"  # a folder a phase
TRACKER = "tracker.json"  # where the metrics are copied to, if not to TensorBoard
CHECKPOINTS = "checkpoints"
DAMAGED = "damaged"  # where checkpoints go that could not be used
PRETRAINED = "pretrained"  # a finished pretraining; the cache has a folder of this name, with one for each
LOCK = ".lock"
SUMMARY = "summary.json"  # written last: where it is, the run is whole
LEARNING_CURVE = "learning_curve.png"
REPORT = "report.html"  # in a sweep's folder too, and in a figure's
MAZE_LOOKS = "maze"  # what was seen at each evaluation in a maze
MAZE_PICTURE = "maze.png"
START_MAPS = "starts"  # which starts of an insertion succeeded at each evaluation
START_PICTURE = "starts.png"

# A sweep's folder: the config and the metrics of all, a run folder for each part, and these.
SWEEP = "sweep.json"  # its axes
SWEEP_TABLE = "table.md"
SWEEP_MEMBERS = "members.csv"
SWEEP_ENDS = "sweep.png"
SWEEP_CURVES = "curves.png"
