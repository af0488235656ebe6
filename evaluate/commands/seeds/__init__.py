"""The command of several models of one world."""
