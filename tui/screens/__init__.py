"""Screens: layout and wiring, one a module."""
