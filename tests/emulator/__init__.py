"""Tests of the emulator, with stock boto3 over a real socket."""
