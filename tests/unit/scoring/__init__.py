"""The domain of scoring, and profiles becoming its inputs."""
