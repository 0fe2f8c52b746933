"""The commands about what is installed, and those that run it on emulators."""
