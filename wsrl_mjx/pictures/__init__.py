"""Pictures of an episode: recorded on the device, then a video through OpenGL, or a strip without it."""
