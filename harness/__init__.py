"""Drive a deployment and judge what came back."""

__version__ = "0.1.0"
