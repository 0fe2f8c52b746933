"""A platform with Django and Celery, whose schools have their own streaming accounts."""
