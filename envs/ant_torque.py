"""The ant with weaker joints, as D4RL has it.

Gymnasium's ant has motors of 150 N m, D4RL's of 30 (its `ant.xml`); the bodies are the same. Where an action
holds for 0.1 s, 150 N m throw the ant over: what samples its actions then falls within seconds.
"""

import xml.etree.ElementTree as ET

D4RL_TORQUE = 30.0  # N m, of every joint


def with_torque(mjcf: str, torque: float) -> str:
    """Returns the model with motors whose full action is `torque` (N m)."""
    root = ET.fromstring(mjcf)
    for motor in root.iter("motor"):
        motor.set("gear", str(torque))
    return ET.tostring(root, encoding="unicode")
