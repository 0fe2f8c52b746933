"""What all commands share: context, output, and exit codes."""
