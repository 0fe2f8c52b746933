"""The settings of the platform. The environment says where its servers are, and has its secrets."""

from __future__ import annotations

import os

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
INSTALLED_APPS = ["lessons"]
ROOT_URLCONF = "lessons.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

# PostgreSQL's own variables, such as PGHOST and PGPASSWORD, say the rest.
DATABASE = os.environ["PGDATABASE"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": DATABASE}}
DATABASE_URL = f"postgresql+psycopg:///{DATABASE}"
REDIS_URL = os.environ["REDIS_URL"]

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
#: Seconds between two runs of the tasks that finish what was lost.
REPEAT = float(os.environ.get("REPEAT", "20"))
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"lessons.tasks.{name}", "schedule": REPEAT, "options": {"expires": REPEAT}}
    for name in ("create_streams", "follow_streams")
}

#: Keys of cryptography.fernet.Fernet.generate_key(), which encrypt the sessions at vendors.
SESSION_KEYS = os.environ["SESSION_KEYS"].split(",")
#: How many requests each account may send.
RATE_LIMIT = os.environ.get("RATE_LIMIT", "5/s")
#: Seconds after which another worker takes over from one that was killed.
LEASE = float(os.environ.get("LEASE", "60"))
#: Seconds that a vendor may take to apply a create that received no response.
SETTLE = float(os.environ.get("SETTLE", "900"))
