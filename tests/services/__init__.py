"""Helpers that start what a test talks to: databases, the application in this process, a real server process."""
