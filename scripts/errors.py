"""What can go wrong with the house."""


class HouseError(Exception):
    """The house could not be built, or fell down; the text says what to do."""
