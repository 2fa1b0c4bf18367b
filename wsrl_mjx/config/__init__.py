"""The settings that a person types, what they may be, and the training objects they make."""
