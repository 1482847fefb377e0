"""Tests of the integration, the emulator and the scripts."""
