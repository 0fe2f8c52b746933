"""A platform with FastAPI, whose schools have their own streaming accounts."""
