"""Relais: signalements de quartier, each with a responsible, a promised date, and a way up when it passes."""

__version__ = "0.1.0"
