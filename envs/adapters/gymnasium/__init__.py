"""Our worlds behind Gymnasium's interface: `import envs; gymnasium.make("wsrl/pointmaze-umaze-v0")`.

`ids` names the worlds, `single.World` is one environment, `vector.Worlds` many in one program.
"""
