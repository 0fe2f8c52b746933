"""Run a plan: create streams at the target, and settle creates with unknown outcomes."""
