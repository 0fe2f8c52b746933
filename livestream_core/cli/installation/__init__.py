"""The commands about what is installed, and those that try it on emulators."""
